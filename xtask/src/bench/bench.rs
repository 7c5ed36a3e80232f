//! Everything that a section needs to measure: programs, contenders, rounds, a folder. And how it is
//! done: by turns. In every round each contender does each workload once, and the contenders of one
//! workload come right after each other, so that what disturbs the machine disturbs them all. Who
//! begins changes from round to round.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::contenders::Contender;
use super::measurements::Measurement;
use super::programs::Programs;
use super::reading::{self, Reading};
use crate::interrupt;
use crate::progress::Progress;

/// A contender that took so long for a workload, all rounds together, is not asked again.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);

/// What the command line asked for, ready to run.
pub(super) struct Bench {
    pub(super) programs: Programs,
    /// Those that were built, in the order of their table.
    pub(super) contenders: Vec<&'static Contender>,
    pub(super) rounds: usize,
    /// Where cargo builds.
    pub(super) folder: PathBuf,
    /// Where processes leave their files, which go when we go.
    pub(super) scratch: PathBuf,
    pub(super) progress: Progress,
}

/// A workload and how much of it.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) workload: String,
    pub(super) units: u64,
}

impl Bench {
    /// The contenders of these names that are there.
    pub(super) fn present(&self, names: &[&str]) -> Vec<&'static Contender> {
        self.contenders.iter().copied().filter(|contender| names.contains(&contender.name)).collect()
    }

    /// Runs contenders on workloads, so many rounds. A run that fails is said and left out.
    pub(super) fn measure(
        &mut self,
        section: &'static str,
        contenders: &[&'static Contender],
        cells: &[Cell],
        rounds: usize,
    ) -> Result<Vec<Measurement>> {
        self.progress.expect_steps(rounds * cells.len());
        let mut measurements = Vec::new();
        let mut spent: HashMap<(&str, usize), Duration> = HashMap::new();
        for round in 0..rounds {
            for (at, cell) in cells.iter().enumerate() {
                self.progress.detail(&format!(
                    "{section}, round {} of {rounds}: {}",
                    round + 1,
                    cell.workload
                ));
                for turn in 0..contenders.len() {
                    let contender = contenders[(turn + round) % contenders.len()];
                    let spent = spent.entry((contender.name, at)).or_default();
                    if *spent > PATIENCE {
                        continue;
                    }
                    let started = Instant::now();
                    match self.read(contender, cell, &[]) {
                        Ok(reading) => {
                            let workload = cell.workload.clone();
                            measurements.push(Measurement { section, round, contender, workload, reading });
                        }
                        Err(error) => {
                            interrupt::check()?;
                            eprintln!("{}, {}: {error:#}", contender.name, cell.workload);
                            *spent = PATIENCE;
                        }
                    }
                    *spent += started.elapsed();
                }
            }
        }
        Ok(measurements)
    }

    /// One run, with settings besides the contender's own.
    pub(super) fn read(
        &self,
        contender: &Contender,
        cell: &Cell,
        settings: &[(&str, &str)],
    ) -> Result<Reading> {
        let units = (cell.units / contender.slowness).max(1);
        let mut command = reading::command(&self.programs, contender, &self.scratch)?;
        command.arg(&cell.workload).arg(units.to_string()).envs(settings.iter().copied());
        reading::read(&mut command)
    }
}
