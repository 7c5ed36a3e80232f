//! What a demo prints is the same with the tracer off, sampling and exact, and the same every time; but for
//! the lines that say that they are this run's.

use crate::profiled_run::{demo_workloads, listed_demos};

/// Demos do at this size what they do at their usual one.
const OF_THE_USUAL_SIZE: u64 = 64;

fn steady_lines(arguments: [&str; 5], mode: &str) -> String {
    let output = demo_workloads().args(arguments).env("ALLOC_TRACER", mode).output().unwrap();
    assert!(output.status.success(), "{arguments:?} {mode}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with("this run: ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_text_is_the_same_in_all_modes() {
    for demo in listed_demos() {
        let default_size: u64 = demo["default_size"].parse().unwrap();
        let size = (default_size / OF_THE_USUAL_SIZE).max(1).to_string();
        for variant in demo["variants"].split(',').filter(|variant| *variant != "fixed") {
            let arguments = [&demo["name"], "--variant", variant, "--size", &size];
            let exact = steady_lines(arguments, "mode=exact");
            assert!(exact.lines().count() >= 2, "{arguments:?}: {exact}");
            for mode in ["mode=off", "mode=sampled,interval=4k"] {
                assert_eq!(steady_lines(arguments, mode), exact, "{arguments:?} {mode}");
            }
        }
    }
}

#[test]
fn every_demo_runs_at_the_smallest_size() {
    for demo in listed_demos() {
        for variant in demo["variants"].split(',') {
            steady_lines([&demo["name"], "--variant", variant, "--size", "1"], "mode=exact");
        }
    }
}

#[test]
fn without_a_setting_nothing_but_the_demo_prints() {
    let output = demo_workloads().args(["map-delete", "--size", "1000"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
