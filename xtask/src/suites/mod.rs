//! `cargo xtask suites`: other people's tests, without the tracer and with it in every mode. This file is the
//! command line and the order of things; each noun of it has its own file. The tracer for the tests, and the
//! versions of the crates, are the package `xtask/suites`, which is no member of the workspace.

mod comparison;
mod crates;
mod document;
mod programs;
mod proof;
mod run;
mod settings;
mod sources;
mod suite_run;
mod verdicts;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cargo::target_folder;
use crate::interrupt;
use crate::progress::Progress;
use settings::TRACED;

const EXAMPLES: &str = "\
Examples:
  cargo xtask suites                          all crates: half an hour on two cores
  cargo xtask suites --quick                  two small crates
  cargo xtask suites --only redb,tokio
  cargo xtask suites --write                  all crates, and their rows go to docs/suites.md

Fetches published crates, builds their tests without and with the tracer, runs them plain and in every mode, and
compares test by test. Exit code 1 if a test ends differently, or if a process was not traced. What the
tests printed stays in target/suites/logs. Needs Linux, and cargo's registry the first time.";

pub(crate) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("suites")
        .about("Run other people's tests without the tracer and with it, and compare")
        .after_help(EXAMPLES)
        .arg(
            Arg::new("only")
                .long("only")
                .value_name("CRATE,..")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .help("Only these crates"),
        )
        .arg(flag("quick", "Only small crates, for a build machine").conflicts_with("only"))
        .arg(flag("write", "Put the rows of these crates into docs/suites.md"))
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode> {
    interrupt::catch();
    let only: Vec<&str> =
        arguments.get_many::<String>("only").into_iter().flatten().map(String::as_str).collect();
    let mut suites = crates::select(&only)?;
    suites.retain(|suite| suite.quick || !arguments.get_flag("quick"));

    let folder = target_folder().join("suites");
    let logs = folder.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let mut progress = Progress::start();
    progress.step("fetching the crates");
    let sources = sources::fetch(&suites, &folder.join("sources"))?;
    progress.step("building the tracer");
    let tracer = programs::build_tracer(&folder)?;

    let mut outcomes = Vec::new();
    for (suite, source) in suites.into_iter().zip(&sources) {
        progress.step(&format!("{}: building its tests", suite.name));
        let programs = programs::build(suite, source, &tracer, &folder)?;
        progress.expect_steps(programs.len() * (1 + TRACED.len()));
        progress.step(&format!("{}: running its tests", suite.name));
        outcomes.push(suite_run::run_all(suite, source, &programs, &logs, &mut progress)?);
    }
    progress.finish();
    println!("{}", document::text(&outcomes));
    if arguments.get_flag("write") {
        document::put(&outcomes)?;
    }
    let failures: usize = outcomes.iter().map(|outcome| outcome.failures.len()).sum();
    if failures > 0 {
        eprintln!("{failures} differences; see {}", logs.display());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
