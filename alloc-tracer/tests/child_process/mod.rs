//! Runs a scenario of this test file in a process of its own: the test program again, with one test
//! chosen and an environment variable that makes it act.

use std::path::PathBuf;
use std::process::{Command, Output};

const ROLE: &str = "ALLOC_TRACER_TEST_ROLE";

/// Whether this process was started to play `role`.
pub(crate) fn plays(role: &str) -> bool {
    std::env::var_os(ROLE).is_some_and(|played| played == role)
}

/// A command that runs the test function `role` of this file, which then finds that it [`plays`] it.
pub(crate) fn role(role: &str, alloc_tracer: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", role, "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env("ALLOC_TRACER", alloc_tracer);
    command
}

/// What the tracer said on standard error.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn said(output: &Output) -> String {
    let all = String::from_utf8_lossy(&output.stderr).into_owned();
    all.lines().filter(|line| line.starts_with("alloc-tracer:")).map(|line| format!("{line}\n")).collect()
}

/// An empty directory for one test.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}
