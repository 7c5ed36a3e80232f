//! The sections `profile` and `symbols`: what it takes to write down what was recorded, when `syn` has
//! just parsed its sources and their trees are alive; and to find names in a binary of 80 MB or more.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::bench::{Bench, Cell, PATIENCE};
use super::programs;
use super::reading::{self, Reading};
use super::statistics::Summary;
use super::table::{cell, markdown, megabytes};
use crate::cargo::build_release;
use crate::interrupt;

/// Who can write a profile when it is asked to.
const WRITERS: [&str; 5] = ["exact", "exact-fp", "heapscope", "pprof-alloc", "dhat"];

const HEAD: [&str; 6] =
    ["", "call stacks", "seconds", "peak memory before", "peak memory after", "size of the file"];

/// Writing the profile of `syn`, by ours and by peers.
pub(super) fn profile(bench: &mut Bench) -> Result<String> {
    let writers = bench.present(&WRITERS);
    let rounds = bench.rounds.min(3);
    bench.progress.expect_steps(writers.len());
    let mut rows = Vec::new();
    for writer in writers {
        bench.progress.detail(&format!("profile: {}", writer.name));
        let symbols: &[&str] = if writer.program == "traced" { &["no", "yes"] } else { &[""] };
        for symbols in symbols {
            let path = bench.scratch.join("syn.profile");
            let settings = [
                ("BENCH_PROFILE", path.to_str().context("the target folder has no text")?),
                ("BENCH_SYMBOLS", symbols),
            ];
            let held = Cell { workload: "syn_held".to_owned(), units: 1 };
            let read = |_| bench.read(writer, &held, &settings);
            let started = Instant::now();
            let goes_on = |round: &usize| *round == 0 || started.elapsed() < PATIENCE;
            match (0..rounds).take_while(goes_on).map(read).collect::<Result<Vec<_>>>() {
                Ok(readings) => rows.push(row(format!("{}{}", writer.title, suffix(symbols)), &readings)),
                Err(error) => {
                    interrupt::check()?;
                    eprintln!("{}, profile: {error:#}", writer.name);
                }
            }
        }
    }
    let table = markdown(&HEAD, &rows);
    Ok(format!("Writing the profile of `syn`, its trees alive:\n\n{table}"))
}

fn suffix(symbols: &str) -> &'static str {
    match symbols {
        "no" => ", addresses",
        "yes" => ", names",
        _ => "",
    }
}

fn row(title: String, readings: &[Reading]) -> Vec<String> {
    let median = |name: &str| Summary::of(readings.iter().map(|reading| reading.get(name)).collect());
    let memory = |name: &str| median(name).map_or_else(String::new, |of| megabytes(of.median));
    let stacks = readings.first().map_or(f64::NAN, |reading| reading.get("profile_stacks"));
    let stacks = if stacks.is_nan() { String::from("–") } else { format!("{stacks:.0}") };
    let seconds = cell(median("profile_wall_seconds"), 3);
    let [before, after, file] = ["peak_bytes", "profile_peak_bytes", "profile_file_bytes"].map(memory);
    vec![title, stacks, seconds, before, after, file]
}

/// Naming the addresses of a large binary: in the process that was recorded, and later from a file.
pub(super) fn symbols(bench: &mut Bench) -> Result<String> {
    bench.progress.expect_steps(1);
    bench.progress.detail("symbols: building a large binary (minutes, the first time)");
    let (large, watch) = match programs::build_large(&bench.folder)? {
        Ok(built) => built,
        Err(reason) => return Ok(format!("Symbolising was not measured: {reason}\n")),
    };
    let [viewer] = build_release(["alloc-flamegraph"])?;
    let size = std::fs::metadata(&large)?.len();
    let rounds = bench.rounds.min(3);
    let mut rows = Vec::new();
    bench.progress.expect_steps(2);
    for (workload, title) in [("pair", "ten stacks"), ("syn_held", "`syn`")] {
        bench.progress.detail(&format!("symbols: {workload}"));
        let file = bench.scratch.join(format!("{workload}.addresses"));
        for symbols in ["no", "yes"] {
            let path = if symbols == "no" { file.clone() } else { bench.scratch.join("named") };
            let read = |_| {
                let mut command = Command::new(&large);
                reading::clean(&mut command, &bench.scratch);
                command.env("ALLOC_TRACER", "mode=exact").env("BENCH_SYMBOLS", symbols);
                reading::read(command.env("BENCH_PROFILE", &path).args([workload, "1"]))
            };
            let readings = (0..rounds).map(read).collect::<Result<Vec<_>>>()?;
            rows.push(row(format!("{title}: in the process{}", suffix(symbols)), &readings));
        }
        let read = |_| {
            let named = bench.scratch.join("named");
            let words = [OsStr::new("symbolize"), file.as_os_str(), OsStr::new("--out"), named.as_os_str()];
            reading::read(Command::new(&watch).arg(&viewer).args(words))
        };
        let readings = (0..rounds).map(read).collect::<Result<Vec<_>>>()?;
        rows.push(offline(title, &readings, &bench.scratch.join("named"))?);
    }
    let table = markdown(&HEAD, &rows);
    Ok(format!("Names from a binary of {} with full debug information:\n\n{table}", megabytes(size as f64)))
}

fn offline(title: &str, readings: &[Reading], named: &Path) -> Result<Vec<String>> {
    let median = |name: &str| Summary::of(readings.iter().map(|reading| reading.get(name)).collect());
    let peak = median("peak_bytes").map_or_else(String::new, |of| megabytes(of.median));
    let size = megabytes(std::fs::metadata(named)?.len() as f64);
    let title = format!("{title}: later, `alloc-flamegraph symbolize`");
    Ok(vec![title, String::from("–"), cell(median("wall_seconds"), 3), String::from("–"), peak, size])
}
