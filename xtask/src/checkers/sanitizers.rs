//! AddressSanitizer and ThreadSanitizer of a nightly toolchain. std is not built again for them: what
//! ThreadSanitizer should know, the checked programs do themselves (threads by pthread, atomics of their own).

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::Effort;
use super::faults::{Fault, check, fault, past_the_end};
use super::outcome::{Outcome, answers, nightly_cargo};
use super::programs::Programs;

const TARGET: &str = "x86_64-unknown-linux-gnu";

const ADDRESS_FAULTS: [Fault; 5] = [
    fault("use-after-free", "heap-use-after-free"),
    fault("double-free", "attempting double-free"),
    past_the_end("heap-buffer-overflow"),
    fault("far-past-the-end", "heap-buffer-overflow"),
    fault("leak", "detected memory leaks"),
];

pub(super) fn address(effort: Effort) -> Result<Outcome> {
    if let Some(why) = missing() {
        return Ok(Outcome::Skipped(why));
    }
    let programs = build("asan", "-Zsanitizer=address")?;
    check(&programs, plain, rounds(effort), &ADDRESS_FAULTS)
}

pub(super) fn thread(effort: Effort) -> Result<Outcome> {
    if let Some(why) = missing() {
        return Ok(Outcome::Skipped(why));
    }
    let programs = build("tsan", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer")?;
    check(&programs, plain, rounds(effort), &[fault("race", "data race")])
}

fn rounds(effort: Effort) -> u32 {
    if effort == Effort::Quick { 1_000 } else { 50_000 }
}

fn missing() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Some(format!("it is set up for {TARGET}"));
    }
    let is_there = answers(nightly_cargo().arg("--version"));
    (!is_there).then(|| "no nightly toolchain: rustup toolchain install nightly".to_owned())
}

/// With a target, so that build scripts are what they are.
fn build(checker: &str, flags: &str) -> Result<Programs> {
    let mut cargo = nightly_cargo();
    cargo.env("CARGO_BUILD_TARGET", TARGET).env("RUSTFLAGS", flags);
    Programs::build(cargo, checker)
}

fn plain(program: &Path) -> Command {
    let mut command = Command::new(program);
    for options in ["ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"] {
        command.env_remove(options);
    }
    command
}
