//! Miri on the unit tests of the tables, where it is installed.

use anyhow::Result;

use super::Effort;
use super::outcome::{Outcome, answers, nightly_cargo, output_of, written};
use crate::cargo::target_folder;

/// The modules whose tests ask nothing of the system but memory. The walk reads the stack of the machine,
/// which Miri has not.
const MODULES: [&str; 7] = [
    "hot::arena",
    "hot::call_tree",
    "hot::live_table",
    "hot::mode",
    "hot::sampler",
    "hot::thread_sites",
    "hot::unwind::rule",
];

pub(super) fn run(_: Effort) -> Result<Outcome> {
    if !answers(nightly_cargo().args(["miri", "--version"])) {
        let why = "Miri is not installed: rustup component add --toolchain nightly miri rust-src";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    let mut command = nightly_cargo();
    command.args(["miri", "test", "--package", "alloc-tracer", "--lib", "--target-dir"]);
    command.arg(target_folder().join("checkers/miri")).arg("--").args(MODULES);
    // Addresses that the kernel gave are turned into pointers.
    command.env("MIRIFLAGS", "-Zmiri-permissive-provenance");
    let output = output_of(&mut command)?;
    let said = written(&output);
    let result = said.lines().find(|line| line.starts_with("test result: ")).unwrap_or_default();
    Ok(match output.status.success() {
        true => Outcome::Ok(result.trim_start_matches("test result: ok. ").to_owned()),
        false => Outcome::Failed(format!("{command:?}\n{said}")),
    })
}
