//! How a checker ended.

use std::fmt;
use std::process::{Command, Output};

use anyhow::{Context, Result};

pub(super) enum Outcome {
    /// With what was done.
    Ok(String),
    /// With what was found.
    Failed(String),
    /// With what is missing.
    Skipped(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Ok(figure) => write!(out, "ok, {figure}"),
            Outcome::Failed(why) => write!(out, "FAILED, {why}"),
            Outcome::Skipped(why) => write!(out, "skipped, {why}"),
        }
    }
}

/// Runs a command to its end.
pub(super) fn output_of(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot run {command:?}"))
}

/// All that a command wrote.
pub(super) fn written(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Whether a command is there and answers.
pub(super) fn answers(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The nightly toolchain's cargo, which rustup finds; what this toolchain has set does not reach it.
pub(super) fn nightly_cargo() -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").current_dir(crate::repository::root());
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command
}
