//! The section `instructions`: what callgrind counts for one pair, as the difference of two runs. A
//! count does not depend on what else the machine does.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::bench::Bench;
use super::contenders::{Contender, Kind};
use super::programs::on_path;
use super::reading;
use super::table::markdown;
use crate::interrupt;

/// One run does so many pairs, the other twice as many.
const PAIRS: u64 = 100_000;

/// The most that `slowness` may take from it: the tracer's start must not count.
const PAIRS_AT_LEAST: u64 = 5_000;

pub(super) fn section(bench: &mut Bench) -> Result<String> {
    let Some(valgrind) = on_path("valgrind") else {
        return Ok(String::from("Instructions were not counted: valgrind is not installed.\n"));
    };
    // heaptrack and valgrind both want to be loaded first.
    let contenders: Vec<_> =
        bench.contenders.iter().copied().filter(|contender| contender.program != "heaptrack").collect();
    bench.progress.expect_steps(contenders.len());
    let mut counts: Vec<(&Contender, f64)> = Vec::new();
    for contender in contenders {
        bench.progress.detail(&format!("instructions: {}", contender.name));
        match per_pair(bench, contender, &valgrind) {
            Ok(count) => counts.push((contender, count)),
            Err(error) => {
                interrupt::check()?;
                eprintln!("{}, instructions: {error:#}", contender.name);
            }
        }
    }
    let count_of = |name: &str| counts.iter().find(|(of, _)| of.name == name).map(|(_, count)| *count);
    let row = |(contender, count): &(&Contender, f64)| {
        let added = count_of(contender.baseline).map(|bare| count - bare);
        let added = added.map_or_else(|| String::from("–"), |added| format!("{added:+.0}"));
        let is_shown = contender.kind != Kind::Baseline;
        is_shown.then(|| vec![contender.title.to_owned(), format!("{count:.0}"), added])
    };
    let rows: Vec<_> = counts.iter().filter_map(row).collect();
    let table = markdown(&["", "instructions per pair", "added"], &rows);
    Ok(format!("Instructions of a pair of 64 B, counted by callgrind:\n\n{table}"))
}

fn per_pair(bench: &Bench, contender: &Contender, valgrind: &Path) -> Result<f64> {
    let pairs = (PAIRS / contender.slowness).max(PAIRS_AT_LEAST);
    let [few, many] = [pairs, 2 * pairs].map(|pairs| count(bench, contender, valgrind, pairs));
    Ok((many? - few?) / pairs as f64)
}

fn count(bench: &Bench, contender: &Contender, valgrind: &Path, pairs: u64) -> Result<f64> {
    let measured = reading::command(&bench.programs, contender, &bench.scratch)?;
    let mut command = Command::new(valgrind);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(measured.get_program()).args(["pair", &pairs.to_string()]);
    for (name, value) in measured.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.current_dir(&bench.scratch).output().context("cannot run valgrind")?;
    interrupt::check()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind failed ({}): {}", output.status, said.lines().last().unwrap_or_default());
    }
    collected(&said).with_context(|| format!("valgrind counted nothing: {said}"))
}

/// The count in valgrind's last words.
fn collected(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.split_once("Collected : "))?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_count_is_found() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 16378978\n==1==\n"), Some(16378978.0));
        assert_eq!(collected("==1== killed"), None);
    }
}
