//! A program that uses the same parking_lot as the tracer, with its search for deadlocks, is not brought to
//! a stop by it. Broken by a lock that is taken where the program allocates.
#![cfg(feature = "profile")]

mod built_beside;
mod child_process;
#[path = "scenarios/scenario.rs"]
mod scenario;

use std::process::Command;

use child_process::{output_within_a_minute, said};
use scenario::MODES;

/// Runs the program in every mode.
fn runs(features: &[&str], expected: &str) {
    let arguments = [&["--package", "lock-user"], features].concat();
    let program = built_beside::build(&arguments).join("lock-user");
    for mode in MODES {
        let mut command = Command::new(&program);
        command.env("ALLOC_TRACER", mode);
        let output = output_within_a_minute(command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {}\n{errors}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{mode}");
        assert_eq!(said(&output), "", "{mode}");
    }
}

/// One test, because both build to the same place.
#[test]
fn a_program_that_shares_parking_lot_with_the_tracer_runs_on() {
    runs(&[], "lock user: ok\n");
    let found = "lock user: the deadlock was found\nlock user: ok\n";
    runs(&["--features", "deadlock-detection"], found);
}
