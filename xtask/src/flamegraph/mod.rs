//! `cargo xtask flamegraph`: from demos, or from any command with the tracer inside, to pictures.
//! This file is the command line and the order of things; each noun of it has its own file.
//! Names the built binaries by package, never a demo: the demos tell what they are.

mod amount;
mod any_command;
#[cfg(test)]
mod any_page;
mod code_lines;
mod demo_list;
mod demo_run;
mod folded;
mod gallery;
mod index_page;
mod open;
mod picture;
mod prose;
mod size;
mod totals;
mod viewer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cargo::{build_release, target_folder};
use crate::interrupt;
use crate::progress::Progress;
use crate::staging::Staging;
use demo_list::DemoList;
use demo_run::Workshop;
use size::Size;
use viewer::Viewer;

const EXAMPLES: &str = "\
Examples:
  cargo xtask flamegraph                                   the core demos, leaky and fixed
  cargo xtask flamegraph --demo all --open                 every demo
  cargo xtask flamegraph --demo map-delete --size 20000
  cargo xtask flamegraph --demo map-delete --variant leaky --variant rebuild
  cargo xtask flamegraph --mode sampled --out target/sampled
  cargo xtask flamegraph -- ./target/release/my-service --port 8080

The pictures and index.html are written to target/flamegraphs. A command after `--` is run with
ALLOC_TRACER set; its program needs alloc_tracer::AllocTracer as its global allocator.";

const PAGE: &str = "index.html";
/// Lists what a page consists of, so that the next one can take the place of all of it.
const FILES: &str = ".files";

pub(crate) fn command() -> Command {
    Command::new("flamegraph")
        .about("Draw what the demos, or any command with the tracer inside, allocate and hold")
        .after_help(EXAMPLES)
        .arg(
            Arg::new("demo")
                .long("demo")
                .value_name("NAME|all")
                .help("Only this demo, or all of them [default: the core demos]"),
        )
        .arg(
            Arg::new("variant")
                .long("variant")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("Draw this variant; may be given several times [default: leaky and fixed]"),
        )
        .arg(
            Arg::new("size")
                .long("size")
                .value_name("N|1/N")
                .value_parser(Size::parse)
                .help("How much a demo stores, in its own unit, or a part of what it usually does"),
        )
        .arg(
            Arg::new("mode")
                .long("mode")
                .value_name("MODE")
                .value_parser(["exact", "sampled"])
                .default_value("exact")
                .help("Record every allocation, or samples"),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Where the files go [default: target/flamegraphs]"),
        )
        .arg(
            Arg::new("open")
                .long("open")
                .action(ArgAction::SetTrue)
                .help("Open the page, or the first picture, in the desktop's viewer"),
        )
        .arg(
            Arg::new("command")
                .value_name("CMD")
                .num_args(1..)
                .last(true)
                .value_parser(clap::value_parser!(std::ffi::OsString))
                .conflicts_with_all(["demo", "variant", "size"])
                .help("A command to profile, with its arguments"),
        )
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode> {
    interrupt::catch();
    let out = match arguments.get_one::<PathBuf>("out") {
        Some(folder) => std::path::absolute(folder)?,
        None => target_folder().join("flamegraphs"),
    };
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let mode = arguments.get_one::<String>("mode").map_or("exact", String::as_str);
    let open = arguments.get_flag("open");
    match arguments.get_many("command") {
        Some(words) => any_command::run(&words.cloned().collect::<Vec<_>>(), mode, &out, open),
        None => draw_demos(arguments, mode, &out, open),
    }
}

fn draw_demos(arguments: &ArgMatches, mode: &str, out: &Path, open: bool) -> Result<ExitCode> {
    let mut progress = Progress::start();
    progress.step("building demo-workloads and alloc-flamegraph");
    let [program, viewer] = build_release(["demo-workloads", "alloc-flamegraph"])?;
    interrupt::check()?;
    let viewer = Viewer::new(viewer);
    let demos = DemoList::of(&program)?.select(arguments.get_one::<String>("demo").map(String::as_str))?;
    let variants: Vec<&str> = match arguments.get_many::<String>("variant") {
        Some(names) => {
            let mut different: Vec<&str> = Vec::new();
            for name in names {
                if !different.contains(&name.as_str()) {
                    different.push(name);
                }
            }
            different
        }
        None => vec!["leaky", "fixed"],
    };
    for demo in &demos {
        demo.check_variants(&variants)?;
    }
    let size = arguments.get_one("size").copied().unwrap_or_default();
    Size::check_for(size, demos.len())?;

    let staging = Staging::below(out)?;
    let workshop = Workshop { program: &program, viewer: &viewer, staging: &staging, mode, size };
    let sections = gallery::record(&workshop, &demos, &variants, progress)?;
    staging.write(PAGE, &index_page::render(&sections, mode, size)?)?;
    let files = staging.place_whole(FILES)?;

    println!("{files} files in {}", shown(out));
    for section in &sections {
        println!("  {}: {}", section.demo.name, section.summary());
    }
    let index = out.join(PAGE);
    println!("page: {}", shown(&index));
    if let Some(run) = sections.first().and_then(|section| section.drawn().next()) {
        let profile = shown(&out.join(run.file("pb.gz")));
        println!("next: {} top {profile} --sample inuse_space", shown(viewer.path()));
    }
    if open { open::open(&index) } else { Ok(ExitCode::SUCCESS) }
}

/// A path as one would type it here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    crate::printable(&path.strip_prefix(here).unwrap_or(path).display().to_string())
}
