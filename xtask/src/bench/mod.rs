//! `cargo xtask bench`: what the tracer costs, beside its peers. This file is the command line and the
//! order of things; each noun of it has its own file. The workloads, and a program for each allocator,
//! are in the package `xtask/bench`, which is no member of the workspace.

mod contenders;
mod csv;
mod interleaved;
mod programs;
mod reading;
mod sources;
mod statistics;
mod table;
mod workloads;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::cargo::target_folder;
use crate::interrupt;
use crate::progress::Progress;
use crate::staging::Staging;
use contenders::Kind;
use interleaved::Cell;
use programs::Programs;
use reading::Reading;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench                                    everything: a quarter of an hour, and the builds
  cargo xtask bench --quick                            ours only, three rounds
  cargo xtask bench --only pair,syn --contender exact,heapscope --rounds 9

Readings go to target/bench/bench.csv, the tables to target/bench/table.md and to the terminal. Ratios are
of processor time, each to the bare allocator in the same round: the median, and half the distance of
the quartiles. Needs Linux; jemalloc needs a C compiler and make.";

pub(crate) fn command() -> Command {
    let names = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_delimiter(',').action(ArgAction::Append).help(help)
    };
    Command::new("bench")
        .about("Measure what the tracer costs, beside other heap profilers")
        .after_help(EXAMPLES)
        .arg(names("only", "WORKLOAD,..", "Only these workloads"))
        .arg(names("contender", "NAME,..", "Only these allocators, and what they are compared to"))
        .arg(
            Arg::new("rounds")
                .long("rounds")
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..=1000))
                .help("How often everything is run [default: 5, quick: 3]"),
        )
        .arg(
            Arg::new("quick")
                .long("quick")
                .action(ArgAction::SetTrue)
                .help("Only bare, off, sampled and exact, unless contenders are named"),
        )
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode> {
    interrupt::catch();
    let list = |name: &str| -> Vec<&str> {
        arguments.get_many::<String>(name).into_iter().flatten().map(String::as_str).collect()
    };
    let quick = arguments.get_flag("quick");
    let workloads = workloads::select(&list("only"))?;
    let named = list("contender");
    let contenders = match (named.is_empty(), quick) {
        (true, true) => contenders::select(&contenders::OURS)?,
        _ => contenders::select(&named)?,
    };
    let rounds = arguments.get_one::<u64>("rounds").copied().unwrap_or(if quick { 3 } else { 5 }) as usize;

    let folder = target_folder().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut progress = Progress::start();
    progress.step("building the benchmark's programs (minutes, the first time)");
    let programs = Programs::build(&contenders, &folder)?;
    let staging = Staging::below(&folder)?;
    let (files, bytes) = sources::write_list(&programs.sources, &folder)?;
    for (contender, why) in &programs.missing {
        eprintln!("{}: {why}", contender.name);
    }

    let cells: Vec<Cell> = workloads
        .iter()
        .map(|of| Cell { workload: of.name.to_owned(), units: of.units, fewest_units: 1 })
        .collect();
    let measurements =
        interleaved::measure("workloads", &programs, &contenders, &cells, rounds, &folder, &mut progress)?;

    let mut text = String::new();
    for (title, kind) in [("Counters and sampling", Kind::Light), ("Every allocation", Kind::Exact)] {
        let cpu = table::of_ratios(&measurements, &contenders, kind, &workloads, Reading::cpu_nanos_per_unit);
        let peak = table::of_ratios(&measurements, &contenders, kind, &workloads, Reading::peak_bytes);
        text += &format!("{title}, processor time:\n\n{cpu}\n{title}, peak memory:\n\n{peak}\n");
    }
    for (contender, why) in &programs.missing {
        text += &format!("- {}: {why}\n", contender.name);
    }
    text += &format!("syn parses {files} files of {:.1} MB.\n", bytes as f64 / 1e6);

    staging.write("bench.csv", &csv::lines(&measurements))?;
    staging.write("table.md", &text)?;
    staging.place_all()?;
    progress.finish();
    print!("{text}");
    println!("{} readings in {}", measurements.len(), folder.join("bench.csv").display());
    Ok(ExitCode::SUCCESS)
}
