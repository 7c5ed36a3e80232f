//! Valgrind's memcheck on the checked programs as a stable toolchain builds them. Its helgrind and drd take
//! atomic words on this processor for plain ones, so they have nothing true to say here.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::Effort;
use super::faults::{Fault, check, fault, past_the_end};
use super::outcome::{Outcome, answers};
use super::programs::{LISTED, Programs};
use crate::cargo::cargo;

const FAULTS: [Fault; 5] = [
    fault("use-after-free", "Invalid read"),
    fault("double-free", "Invalid free"),
    past_the_end("Invalid write"),
    fault("uninitialised", "uninitialised value"),
    // The table of listed blocks holds their addresses, and memcheck takes any word for a pointer.
    Fault { name: "leak", seen_as: "definitely lost in loss record", hidden_in: Some(LISTED) },
];

pub(super) fn run(effort: Effort) -> Result<Outcome> {
    if !answers(Command::new("valgrind").arg("--version")) {
        return Ok(Outcome::Skipped("valgrind is not installed".to_owned()));
    }
    let programs = Programs::build(cargo(), "valgrind")?;
    check(&programs, memcheck, if effort == Effort::Quick { 100 } else { 5_000 }, &FAULTS)
}

fn memcheck(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"])
        .arg(program);
    command
}
