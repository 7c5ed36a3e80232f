//! `cargo xtask deny`: what comes in from outside, and on which terms, against `deny.toml`. Runs
//! cargo-deny where it is installed; without the network, so advisories are left to whoever has it.

use std::io::ErrorKind;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cargo::cargo;
use crate::repository;

const EXAMPLES: &str = "\
Examples:
  cargo xtask deny                 licences, banned crates and sources; skipped without cargo-deny
  cargo deny check advisories      known weaknesses, from the network";

pub(crate) fn command() -> clap::Command {
    clap::Command::new("deny")
        .about("Check licences, banned crates and sources with cargo-deny, where it is installed")
        .after_help(EXAMPLES)
}

pub(crate) fn run() -> Result<ExitCode> {
    match std::process::Command::new("cargo-deny").arg("--version").output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("deny: skipped, cargo-deny is not installed");
            return Ok(ExitCode::SUCCESS);
        }
        version => version.context("cannot run cargo-deny")?,
    };
    let mut command = cargo();
    command.current_dir(repository::root()).args(["deny", "check", "licenses", "bans", "sources"]);
    let status = command.status().context("cannot run cargo deny")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
