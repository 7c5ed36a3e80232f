//! The commands of the binary. Each reads its files, calls one exporter and writes one output; an
//! error is one line on stderr. Exit codes: 0 done, 1 error, 2 wrong usage.
//! Broken by: `tests/cli_errors.rs`.

mod diff;
mod filter;
mod folded;
mod input;
mod max_size;
mod output;
mod svg;
mod symbolize;
mod top;

use std::io::{self, Write};
use std::process::ExitCode;

use alloc_flamegraph::frame_name::printable;
use alloc_tracer::profile::ReadLimits;
use clap::{Parser, Subcommand};

/// Flame graphs, tables and differences from heap profiles in pprof's format.
#[derive(Debug, Parser)]
#[command(name = "alloc-flamegraph", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Most bytes that a profile may have when unpacked; it may take up eight times as much in memory
    /// [default: 256m]
    #[arg(long, value_name = "SIZE", global = true, value_parser = max_size::parse)]
    max_size: Option<ReadLimits>,
}

const EXAMPLES: &str = "\
Examples:
  which functions hold the memory
    alloc-flamegraph top heap.pb.gz
  which call stacks hold it
    alloc-flamegraph svg heap.pb.gz --out heap.svg
  what grew since an earlier profile
    alloc-flamegraph svg new.pb.gz --base old.pb.gz --out growth.svg
    alloc-flamegraph diff old.pb.gz new.pb.gz

A FILE of `-` is standard input.";

#[derive(Debug, Subcommand)]
enum Command {
    Svg(svg::Svg),
    Top(top::Top),
    Diff(diff::Diff),
    Folded(folded::Folded),
    Symbolize(symbolize::Symbolize),
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Whoever read our output has seen enough.
    #[error("the output was closed")]
    Closed,
    /// One line for the user.
    #[error("{0}")]
    Message(String),
}

/// Prints help, or what is wrong with the arguments. They are in it as they were given.
fn not_understood(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    // Nothing is left to be told to somebody who has closed the output.
    let _ = match error.use_stderr() {
        true => io::stderr().write_all(lines.join("\n").as_bytes()),
        false => io::stdout().write_all(text.as_bytes()),
    };
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return not_understood(&error),
    };
    let limits = arguments.max_size.unwrap_or_default();
    let done = match arguments.command {
        Command::Svg(command) => command.run(limits),
        Command::Top(command) => command.run(limits),
        Command::Diff(command) => command.run(limits),
        Command::Folded(command) => command.run(limits),
        Command::Symbolize(command) => command.run(limits),
    };
    match done {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Message(message)) => {
            // Nothing is left to be told to somebody who has closed stderr.
            let _ = writeln!(io::stderr(), "alloc-flamegraph: {}", printable(&message));
            ExitCode::FAILURE
        }
    }
}
