//! The commands of the binary. Each reads its files, calls one exporter and writes one output; an
//! error is one line on stderr. Exit codes: 0 done, 1 error, 2 wrong usage.
//! Broken by: `tests/cli_errors.rs`.

mod diff;
mod folded;
mod input;
mod output;
mod svg;
mod symbolize;
mod top;

use std::io::{self, Write};
use std::process::ExitCode;

use alloc_flamegraph::frame_name::printable;
use clap::{Parser, Subcommand};

/// Flame graphs, tables and differences from heap profiles in pprof's format.
#[derive(Debug, Parser)]
#[command(name = "alloc-flamegraph", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
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

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Svg(command) => command.run(),
        Command::Top(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Folded(command) => command.run(),
        Command::Symbolize(command) => command.run(),
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
