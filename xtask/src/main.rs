//! The project's own commands. Runs cargo and the built binaries, links none of the project's crates,
//! so that it builds in seconds and works while they do not compile.
//! Broken by: `cargo xtask tidy`, whose rule `xtask-stands-alone` holds the absence.

mod bench;
mod cargo;
mod checkers;
mod ci;
mod deny;
mod documents;
mod flamegraph;
mod interrupt;
mod marked;
mod progress;
mod repository;
mod shown_output;
mod staging;
mod suites;
mod tidy;

use std::process::ExitCode;

use clap::Command;

const EXAMPLES: &str = "\
Examples:
  cargo xtask flamegraph
  cargo xtask flamegraph --demo map-delete --open
  cargo xtask flamegraph -- ./target/release/my-service --port 8080
  cargo xtask bench --quick
  cargo xtask suites --quick
  cargo xtask checkers
  cargo xtask tidy
  cargo xtask deny
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
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => {
            eprint!("{}", printable(&error.render().to_string()));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    let done = match matches.subcommand() {
        Some(("flamegraph", arguments)) => flamegraph::run(arguments),
        Some(("bench", arguments)) => bench::run(arguments),
        Some(("suites", arguments)) => suites::run(arguments),
        Some(("checkers", arguments)) => checkers::run(arguments),
        Some(("tidy", _)) => tidy::run(),
        Some(("deny", _)) => deny::run(),
        Some(("documents", arguments)) => documents::run(arguments),
        Some(("ci", _)) => ci::run(),
        _ => unreachable!("clap requires one of the subcommands"),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {}", printable(&format!("{error:#}")));
        if error.is::<UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

/// Names of files and programs, and what they said, end up in errors: nothing of it steers a terminal.
fn printable(text: &str) -> String {
    let reverses_text = |c| {
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}')
    };
    let ends_line = |c| matches!(c, '\u{2028}' | '\u{2029}');
    let is_harmful = |c: char| c.is_control() && c != '\n' || reverses_text(c) || ends_line(c);
    text.chars().map(|c| if is_harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
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
        .subcommand(suites::command())
        .subcommand(checkers::command())
        .subcommand(tidy::command())
        .subcommand(deny::command())
        .subcommand(documents::command())
        .subcommand(ci::command())
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_steers_no_terminal() {
        assert_eq!(
            super::printable("a\x1b[2J\u{9b}\r\u{202e}b\nc"),
            "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}b\nc"
        );
        let harmful = "\u{61c}\u{200e}\u{200f}\u{202a}\u{2028}\u{2029}\u{2066}\u{2069}";
        assert!(super::printable(harmful).chars().all(|c| c == char::REPLACEMENT_CHARACTER));
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
