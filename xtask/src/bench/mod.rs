//! `cargo xtask bench`: what the tracer costs, beside its peers. This file is the command line and the
//! order of things; each noun of it has its own file. The workloads, and a program for each allocator,
//! are in the package `xtask/bench`, which is no member of the workspace.

#[expect(clippy::module_inception, reason = "the bench is what the command's name says")]
mod bench;
mod contenders;
mod costs;
mod csv;
mod dumps;
mod instructions;
mod machine;
mod measurements;
mod programs;
mod reading;
mod series;
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
use crate::marked;
use crate::progress::Progress;
use crate::staging::Staging;
use bench::Bench;
use contenders::CONTENDERS;
use programs::Programs;

pub(crate) use machine::description as machine_description;
pub(crate) use table::markdown;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench                                    everything: a quarter of an hour, and the builds
  cargo xtask bench --quick                            ours only, three rounds
  cargo xtask bench --only pair,syn --contender exact,heapscope --rounds 9
  cargo xtask bench --section scaling,depth --write-readme

Readings go to target/bench/bench.csv, the tables to target/bench/table.md and to the terminal. Ratios are
of processor time, each to the bare allocator in the same round: the median, and half the distance of
the quartiles. Needs Linux; jemalloc needs a C compiler and make.";

const SECTIONS: [&str; 6] = ["workloads", "instructions", "depth", "scaling", "profile", "symbols"];

const DOCUMENTS: [&str; 2] = ["README.md", "docs/costs.md"];

pub(crate) fn command() -> Command {
    let names = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_delimiter(',').action(ArgAction::Append).help(help)
    };
    Command::new("bench")
        .about("Measure what the tracer costs, beside other heap profilers")
        .after_help(EXAMPLES)
        .arg(names("only", "WORKLOAD,..", "Only these workloads, and no other section"))
        .arg(names("contender", "NAME,..", "Only these allocators, and what they are compared to"))
        .arg(names("section", "NAME,..", "Only these sections").value_parser(SECTIONS))
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
                .help("Only bare, off, sampled and exact, only the workloads, unless others are named"),
        )
        .arg(
            Arg::new("write-readme")
                .long("write-readme")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["quick", "only", "contender"])
                .help("Put the tables into README.md and docs/costs.md, between their marks"),
        )
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode> {
    interrupt::catch();
    let list = |name: &str| -> Vec<&str> {
        arguments.get_many::<String>(name).into_iter().flatten().map(String::as_str).collect()
    };
    let quick = arguments.get_flag("quick");
    let (only, mut named, mut sections) = (list("only"), list("contender"), list("section"));
    let workloads = workloads::select(&only)?;
    if named.is_empty() {
        named = if quick { contenders::OURS.to_vec() } else { CONTENDERS.map(|of| of.name).to_vec() };
    }
    if sections.is_empty() {
        sections = if quick || !only.is_empty() { vec![SECTIONS[0]] } else { SECTIONS.to_vec() };
    }
    let contenders = contenders::select(&named)?;
    let rounds = arguments.get_one::<u64>("rounds").copied().unwrap_or(if quick { 3 } else { 5 }) as usize;

    let folder = target_folder().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let staging = Staging::below(&folder)?;
    let mut progress = Progress::start();
    progress.step("building the benchmark's programs (minutes, the first time)");
    let programs = Programs::build(&contenders, &folder)?;
    for (contender, why) in &programs.missing {
        eprintln!("{}: {why}", contender.name);
    }
    let scratch = staging.path("");
    let (files, bytes) = sources::write_list(&programs.sources, &scratch)?;
    let contenders = contenders.into_iter().filter(|contender| programs.path(contender).is_some()).collect();
    let mut bench = Bench { programs, contenders, rounds, folder, scratch, progress };

    let (mut tables, mut measurements) = (Vec::new(), Vec::new());
    for section in SECTIONS.into_iter().filter(|section| sections.contains(section)) {
        bench.progress.step(section);
        let (table, more) = match section {
            "workloads" => costs::section(&mut bench, &workloads)?,
            "instructions" => (instructions::section(&mut bench)?, Vec::new()),
            "depth" => series::depth(&mut bench)?,
            "scaling" => series::scaling(&mut bench)?,
            "profile" => (dumps::profile(&mut bench)?, Vec::new()),
            _ => (dumps::symbols(&mut bench)?, Vec::new()),
        };
        tables.push((section, table.trim_end().to_owned()));
        measurements.extend(more);
    }
    for (contender, why) in &bench.programs.missing {
        tables.push(("missing", format!("- {}: {why}", contender.name)));
    }
    let corpus = format!("`syn` parsed {files} files of {:.1} MB", bytes as f64 / 1e6);
    tables.push(("machine", format!("{rounds} rounds; {corpus}; {}.", machine::description())));
    let text: Vec<&str> = tables.iter().map(|(_, table)| table.as_str()).collect();
    let text = text.join("\n\n") + "\n";

    staging.write("bench.csv", &csv::lines(&measurements))?;
    staging.write("table.md", &text)?;
    staging.place(&["bench.csv", "table.md"])?;
    bench.progress.finish();
    print!("{text}");
    println!("{} readings in {}", measurements.len(), bench.folder.join("bench.csv").display());
    if arguments.get_flag("write-readme") {
        for document in DOCUMENTS {
            marked::put(document, "bench", &tables)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
