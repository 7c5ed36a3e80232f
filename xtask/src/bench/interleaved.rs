//! Runs by turns. In every round each contender does each workload once, and the contenders of one
//! workload come right after each other, so that what disturbs the machine disturbs them all; ratios
//! are taken within a round. Who begins changes from round to round.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::contenders::Contender;
use super::programs::Programs;
use super::reading::{Reading, command, read};
use crate::progress::Progress;

/// A contender that took so long for a workload, all rounds together, is not asked again.
const PATIENCE: Duration = Duration::from_secs(20);

/// A workload and how much of it.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) workload: String,
    pub(super) units: u64,
    /// How far units may be reduced for the slow.
    pub(super) fewest_units: u64,
}

/// What one run showed.
#[derive(Debug)]
pub(super) struct Measurement {
    pub(super) section: &'static str,
    pub(super) round: usize,
    pub(super) contender: &'static Contender,
    pub(super) workload: String,
    pub(super) reading: Reading,
}

/// Runs all contenders on all workloads, so many rounds. A run that fails is said and left out.
pub(super) fn measure(
    section: &'static str,
    programs: &Programs,
    contenders: &[&'static Contender],
    cells: &[Cell],
    rounds: usize,
    folder: &Path,
    progress: &mut Progress,
) -> Result<Vec<Measurement>> {
    let present: Vec<_> = contenders.iter().copied().filter(|c| programs.path(c).is_some()).collect();
    progress.expect_steps(rounds * cells.len());
    let mut measurements = Vec::new();
    let mut spent: HashMap<(&str, usize), Duration> = HashMap::new();
    for round in 0..rounds {
        for (at, cell) in cells.iter().enumerate() {
            progress.step(&format!("{section}, round {} of {rounds}: {}", round + 1, cell.workload));
            for turn in 0..present.len() {
                let contender = present[(turn + round) % present.len()];
                let spent = spent.entry((contender.name, at)).or_default();
                if *spent > PATIENCE {
                    continue;
                }
                let units = (cell.units / contender.slowness).max(cell.fewest_units).min(cell.units);
                let started = Instant::now();
                let mut command = command(programs, contender, folder)?;
                match read(command.arg(&cell.workload).arg(units.to_string())) {
                    Ok(reading) => measurements.push(Measurement {
                        section,
                        round,
                        contender,
                        workload: cell.workload.clone(),
                        reading,
                    }),
                    Err(error) => {
                        crate::interrupt::check()?;
                        eprintln!("{}, {}: {error:#}", contender.name, cell.workload);
                        *spent = PATIENCE + Duration::from_nanos(1);
                    }
                }
                *spent += started.elapsed();
            }
        }
    }
    Ok(measurements)
}

/// A contender's readings of a workload, each over that of its baseline in the same round.
pub(super) fn ratios(
    measurements: &[Measurement],
    contender: &Contender,
    workload: &str,
    value: impl Fn(&Reading) -> f64,
) -> Vec<f64> {
    let find = |name: &str, round: usize| {
        measurements.iter().find(|m| m.contender.name == name && m.round == round && m.workload == workload)
    };
    let mine = measurements.iter().filter(|m| m.contender.name == contender.name && m.workload == workload);
    let ratio = |mine: &Measurement| {
        let baseline = find(contender.baseline, mine.round)?;
        Some(value(&mine.reading) / value(&baseline.reading))
    };
    mine.filter_map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::super::contenders::select;
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let chosen = select(&["exact"]).unwrap();
        let [bare, exact] = chosen[..] else { panic!("exact has one baseline") };
        let run = |round, contender, seconds: f64| Measurement {
            section: "test",
            round,
            contender,
            workload: "pair".to_owned(),
            reading: Reading::parse(&format!("units=2 cpu_seconds={seconds}")).unwrap(),
        };
        let runs = [run(0, bare, 1.0), run(0, exact, 3.0), run(1, exact, 9.0), run(1, bare, 2.0)];
        assert_eq!(ratios(&runs, exact, "pair", Reading::cpu_nanos_per_unit), [3.0, 4.5]);
        assert_eq!(ratios(&runs, exact, "mix", Reading::cpu_nanos_per_unit), [0.0; 0]);
    }
}
