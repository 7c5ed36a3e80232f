//! `cargo xtask checkers`: everything that looks for faults which a test meets only by chance. Each checker
//! has its own file, and one line of output; one that is not installed says so and is no failure.
//! Broken by: a change that they find fault with.

mod faults;
mod miri;
mod model;
mod outcome;
mod programs;
mod sanitizers;
mod valgrind;
mod weakenings;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};

use outcome::Outcome;

const EXAMPLES: &str = "\
Examples:
  cargo xtask checkers                  all of them, some minutes
  cargo xtask checkers --quick          fewer orders of events and shorter runs, for a build machine
  cargo xtask checkers --only model,asan

model       loom tries every order of events in the lock-free tables (up to two interruptions; quick: one)
weakenings  the model fails where an order or a step of the tables is made weaker (not with --quick)
miri        the tables' unit tests, as the language defines them
asan        a sound program, and ones with a fault that must be seen with the tracer inside
tsan        a sound program with threads, and one with a race that must be seen
valgrind    as asan

asan, tsan and miri need a nightly toolchain. One line per checker: ok, FAILED, or skipped and why.";

/// How much a checker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effort {
    Quick,
    Full,
}

struct Checker {
    name: &'static str,
    run: fn(Effort) -> Result<Outcome>,
}

const CHECKERS: [Checker; 6] = [
    Checker { name: "model", run: model::run },
    Checker { name: "weakenings", run: weakenings::run },
    Checker { name: "miri", run: miri::run },
    Checker { name: "asan", run: sanitizers::address },
    Checker { name: "tsan", run: sanitizers::thread },
    Checker { name: "valgrind", run: valgrind::run },
];

pub(crate) fn command() -> Command {
    Command::new("checkers")
        .about("Model checker, Miri, sanitizers and valgrind: whichever is here")
        .after_help(EXAMPLES)
        .arg(
            Arg::new("only")
                .long("only")
                .value_name("NAME,..")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(CHECKERS.map(|checker| checker.name)))
                .help("Only these"),
        )
        .arg(
            Arg::new("quick")
                .long("quick")
                .action(ArgAction::SetTrue)
                .help("What a build machine has time for"),
        )
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode> {
    let only: Vec<&String> = arguments.get_many("only").into_iter().flatten().collect();
    let effort = if arguments.get_flag("quick") { Effort::Quick } else { Effort::Full };
    let mut code = ExitCode::SUCCESS;
    for Checker { name, run } in CHECKERS {
        if !only.is_empty() && !only.iter().any(|wanted| *wanted == name) {
            continue;
        }
        let started = Instant::now();
        let outcome = run(effort).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        if matches!(outcome, Outcome::Failed(_)) {
            code = ExitCode::FAILURE;
        }
        println!("{name}: {outcome} ({:.0} s)", started.elapsed().as_secs_f64());
    }
    Ok(code)
}
