//! The project's own commands. Runs cargo and the built binaries, links none of the project's crates,
//! so that it builds in seconds and works while they do not compile.
//! Broken by: `cargo xtask tidy`, whose rule `xtask-stands-alone` holds the absence.

mod bench;
mod cargo;
mod checkers;
mod ci;
mod documents;
mod flamegraph;
mod interrupt;
mod progress;
mod repository;
mod staging;
mod tidy;

use std::process::ExitCode;

use clap::Command;

const EXAMPLES: &str = "\
Examples:
  cargo xtask flamegraph
  cargo xtask flamegraph --demo map-delete --open
  cargo xtask flamegraph -- ./target/release/my-service --port 8080
  cargo xtask bench --quick
  cargo xtask checkers
  cargo xtask tidy
  cargo xtask documents
  cargo xtask ci";

/// A mistake in the command line that clap cannot see: exit code 2, as for those it sees.
#[derive(Debug)]
struct UsageError(String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

fn main() -> ExitCode {
    let matches = command().get_matches();
    let done = match matches.subcommand() {
        Some(("flamegraph", arguments)) => flamegraph::run(arguments),
        Some(("bench", arguments)) => bench::run(arguments),
        Some(("checkers", arguments)) => checkers::run(arguments),
        Some(("tidy", _)) => tidy::run(),
        Some(("documents", _)) => documents::run(),
        Some(("ci", _)) => ci::run(),
        _ => unreachable!("clap requires one of the subcommands"),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if error.is::<UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

fn command() -> Command {
    Command::new("cargo xtask")
        .bin_name("cargo xtask")
        .about("The project's own commands")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(flamegraph::command())
        .subcommand(bench::command())
        .subcommand(checkers::command())
        .subcommand(tidy::command())
        .subcommand(documents::command())
        .subcommand(ci::command())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
