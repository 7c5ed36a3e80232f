//! Recording fits on small stacks: how much of a thread's stack it takes, by the paint that is gone below a
//! call (`alloc-tracer/examples/stack_use.rs`), in an optimised build, in every mode.

mod release_builds;

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// What an operation may take of a thread's stack, the inner allocator's part included.
const BUDGET_BYTES: usize = 2048;

/// Once in a process, the first operation also asks the dynamic linker what is loaded.
const FIRST_BUDGET_BYTES: usize = 6144;

/// By so much the tracer's own figure may be below what the paint says.
const UNSEEN_BYTES: usize = 256;

const MODES: [&str; 5] = ["off", "sampled", "sampled,interval=1", "exact", "exact,blocks=listed"];

#[test]
fn a_thread_with_two_kib_of_stack_left_can_allocate() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        // Past `println!`, which the harness hides of tests that pass.
        let line = b"stack_budget: skipped, stacks are painted on x86-64 Linux only\n";
        return std::io::stderr().write_all(line).expect("standard error is open");
    }
    let [stack_use] = release_builds::examples(["stack_use"]);
    for mode in MODES {
        let kinds = kinds_of_operations(&stack_use, mode);
        let deepest = kinds.iter().filter(|(_, what)| is_ordinary(what)).max().expect("it measures some");
        println!("stack_budget: {mode}: {} bytes ({}), budget {BUDGET_BYTES}", deepest.0, deepest.1);
        assert!(deepest.0 <= BUDGET_BYTES, "{mode}: {kinds:#?}");
        let of = |wanted: &str| kinds.iter().find(|(_, what)| what.contains(wanted)).expect(wanted).0;
        let first = of("first operation of the process");
        assert!(first <= FIRST_BUDGET_BYTES, "{mode}: {kinds:#?}");
        // In a mode that walks every stack, what the tracer says of itself is what the paint says.
        if mode.starts_with("exact") {
            let (says, painted) = (of("as the tracer says"), of("not seen before"));
            assert!(says > painted / 2 && says <= deepest.0.max(first) + UNSEEN_BYTES, "{mode}: {kinds:#?}");
            assert!(deepest.0 <= says + UNSEEN_BYTES, "{mode}: {kinds:#?}");
        }
    }
}

fn is_ordinary(what: &str) -> bool {
    !what.contains("of the process") && !what.contains("as the tracer says")
}

/// Bytes of each kind of operation, with its name.
fn kinds_of_operations(program: &Path, mode: &str) -> Vec<(usize, String)> {
    let mut command = Command::new(program);
    let output = command.env_clear().env("ALLOC_TRACER", format!("mode={mode}")).output().expect("it runs");
    assert!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("it prints text");
    let kind = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let bytes = words.next()?.parse().ok()?;
        Some((bytes, words.nth(1)?.to_owned()))
    };
    lines.lines().map(|line| kind(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
}
