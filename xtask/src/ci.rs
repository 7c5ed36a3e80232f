//! `cargo xtask ci`: what must hold before a change goes in, in the order of its cost. The steps are
//! data; `.ci/run` holds the same steps for machines, and a test below compares the two.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cargo::cargo;

const EXAMPLES: &str = "\
Examples:
  cargo xtask ci      every step, stops at the first that fails
  .ci/run             the same steps on a build machine";

struct Step {
    name: &'static str,
    environment: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
}

const STEPS: [Step; 9] = [
    Step { name: "format", environment: &[], arguments: &["fmt", "--all", "--check"] },
    Step {
        name: "clippy",
        environment: &[],
        arguments: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    },
    Step { name: "tidy", environment: &[], arguments: &["xtask", "tidy"] },
    Step { name: "deny", environment: &[], arguments: &["xtask", "deny"] },
    Step { name: "test", environment: &[], arguments: &["test", "--workspace"] },
    Step { name: "checkers", environment: &[], arguments: &["xtask", "checkers", "--quick"] },
    Step { name: "suites", environment: &[], arguments: &["xtask", "suites", "--quick"] },
    Step {
        name: "doc",
        environment: &[("RUSTDOCFLAGS", "-Dwarnings")],
        arguments: &["doc", "--workspace", "--no-deps"],
    },
    Step { name: "documents", environment: &[], arguments: &["xtask", "documents"] },
];

/// Whether a command is one of the steps, or all of them.
pub(crate) fn is_step(line: &str) -> bool {
    line == "cargo xtask ci" || STEPS.iter().any(|step| step.line() == line)
}

pub(crate) fn command() -> clap::Command {
    clap::Command::new("ci")
        .about("Format, clippy, tidy, tests, documentation and its commands, as on a build machine")
        .after_help(EXAMPLES)
}

pub(crate) fn run() -> Result<ExitCode> {
    let whole = Instant::now();
    for (at, step) in STEPS.iter().enumerate() {
        println!("[{}/{}] {}: {}", at + 1, STEPS.len(), step.name, step.line());
        let started = Instant::now();
        let status = step.command().status().context("cannot run cargo")?;
        let seconds = started.elapsed().as_secs_f64();
        if !status.success() {
            eprintln!("{} failed after {seconds:.1} s; repeat it with: {}", step.name, step.line());
            return Ok(ExitCode::FAILURE);
        }
        println!("[{}/{}] {} ok, {seconds:.1} s", at + 1, STEPS.len(), step.name);
    }
    println!("all {} steps ok, {:.1} s", STEPS.len(), whole.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

impl Step {
    fn command(&self) -> Command {
        let mut command = cargo();
        command.args(self.arguments).envs(self.environment.iter().copied());
        command
    }

    /// The step as one types it.
    fn line(&self) -> String {
        let mut line = String::new();
        for (name, value) in self.environment {
            line += &format!("{name}={value} ");
        }
        line + "cargo " + &self.arguments.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::STEPS;

    #[test]
    fn the_build_machines_script_runs_the_same_steps() {
        let script = include_str!("../../.ci/run");
        let lines = script.lines().filter(|line| line.contains("cargo ") && !line.starts_with('#'));
        let steps: Vec<_> = STEPS.iter().map(super::Step::line).collect();
        assert_eq!(lines.collect::<Vec<_>>(), steps);
    }
}
