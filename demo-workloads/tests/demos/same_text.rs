//! What a demo prints is the same with the tracer off, sampling and exact, and the same every time.

use crate::profiled_run::demo_workloads;

const RUNS: [(&str, &[&str]); 3] = [
    ("map-delete", &["leaky", "fixed", "rebuild", "take", "drop"]),
    ("vec-truncate", &["leaky", "clear", "fixed", "take", "new"]),
    ("sub-slice", &["leaky", "split-to", "fixed"]),
];

#[test]
fn the_text_is_the_same_in_all_modes() {
    for (demo, variants) in RUNS {
        for variant in variants {
            let size = if demo == "map-delete" { "20000" } else { "2" };
            let text = |mode: &str| {
                let output = demo_workloads()
                    .args([demo, "--variant", variant, "--size", size])
                    .env("ALLOC_TRACER", mode)
                    .output()
                    .unwrap();
                assert!(output.status.success());
                String::from_utf8(output.stdout).unwrap()
            };
            let exact = text("mode=exact");
            assert!(exact.lines().count() >= 2, "{exact}");
            for mode in ["mode=off", "mode=sampled", "mode=sampled,interval=4k", "mode=exact"] {
                assert_eq!(text(mode), exact, "{demo} {variant} {mode}");
            }
        }
    }
}

#[test]
fn without_a_setting_nothing_but_the_demo_prints() {
    let output = demo_workloads().args(["map-delete", "--size", "1000"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
