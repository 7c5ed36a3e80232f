//! The sections `depth` and `scaling`: nanoseconds of processor time per operation while one thing
//! grows. An operation allocates and frees 64 bytes once.

use anyhow::Result;

use super::bench::{Bench, Cell};
use super::contenders::{Contender, Kind};
use super::measurements::{Measurement, pairs};
use super::reading::Reading;
use super::statistics::Summary;
use super::table::{cell, markdown};

/// A workload whose name takes a number.
struct Series {
    name: &'static str,
    title: &'static str,
    sizes: &'static [u64],
    units: u64,
}

const DEPTH: [Series; 2] = [
    Series {
        name: "depth",
        title: "one stack below so many frames, again and again",
        sizes: &[10, 30, 100],
        units: 5_000_000,
    },
    Series {
        name: "changing",
        title: "a recursion so deep that allocates in every frame: one frame changes each time",
        sizes: &[10, 30, 100],
        units: 5_000_000,
    },
];

const SCALING: [Series; 4] = [
    Series {
        name: "threads",
        title: "threads, which share the operations",
        sizes: &[1, 2, 10, 100],
        units: 10_000_000,
    },
    Series {
        name: "stacks",
        title: "different call stacks of 6 frames, in random order",
        sizes: &[10, 100, 1_000, 10_000, 100_000],
        units: 2_000_000,
    },
    Series {
        name: "live",
        title: "live blocks of 64 B, replaced in random order",
        sizes: &[1_000, 10_000, 100_000, 1_000_000],
        units: 2_000_000,
    },
    Series {
        name: "depth",
        title: "frames below which it happens",
        sizes: &[10, 100, 1_000],
        units: 2_000_000,
    },
];

/// What is compared where things grow.
const GROWING: [&str; 5] = ["bare", "sampled", "exact", "bare-fp", "heapscope"];

/// What a stack costs: the time above the baseline.
pub(super) fn depth(bench: &mut Bench) -> Result<(String, Vec<Measurement>)> {
    let is_shown = |contender: &&&Contender| contender.kind != Kind::Light || contender.name == "sampled";
    let contenders: Vec<_> = bench.contenders.iter().filter(is_shown).copied().collect();
    run(
        "depth",
        bench,
        &contenders,
        &DEPTH,
        |mine, bare| mine - bare,
        "Nanoseconds that a pair costs more than with the baseline",
    )
}

/// What an operation takes, all in all.
pub(super) fn scaling(bench: &mut Bench) -> Result<(String, Vec<Measurement>)> {
    let contenders = bench.present(&GROWING);
    run("scaling", bench, &contenders, &SCALING, |mine, _| mine, "Nanoseconds per operation")
}

fn run(
    section: &'static str,
    bench: &mut Bench,
    contenders: &[&'static Contender],
    series: &[Series],
    value: fn(f64, f64) -> f64,
    what: &str,
) -> Result<(String, Vec<Measurement>)> {
    let cells = series.iter().flat_map(|series| {
        let cell = |size: &u64| Cell { workload: series.workload(*size), units: series.units };
        series.sizes.iter().map(cell)
    });
    let measurements = bench.measure(section, contenders, &cells.collect::<Vec<_>>(), bench.rounds.min(3))?;
    let mut text = String::new();
    for series in series {
        let rows = contenders.iter().filter_map(|contender| series.row(&measurements, contender, value));
        let sizes: Vec<String> = series.sizes.iter().map(u64::to_string).collect();
        let mut head = vec![""];
        head.extend(sizes.iter().map(String::as_str));
        text += &format!("{what}; {}:\n\n{}\n", series.title, markdown(&head, &rows.collect::<Vec<_>>()));
    }
    Ok((text, measurements))
}

impl Series {
    fn workload(&self, size: u64) -> String {
        format!("{}-{size}", self.name)
    }

    /// Baselines have a row where absolute numbers are asked for: else it would be zeros.
    fn row(
        &self,
        measurements: &[Measurement],
        contender: &Contender,
        value: fn(f64, f64) -> f64,
    ) -> Option<Vec<String>> {
        let is_baseline = contender.kind == Kind::Baseline;
        if is_baseline && (value(1.0, 1.0) == 0.0 || contender.name != "bare") {
            return None;
        }
        let mut row = vec![if is_baseline { "bare".to_owned() } else { contender.title.to_owned() }];
        for size in self.sizes {
            let of = |(mine, bare): (&Reading, &Reading)| {
                value(mine.cpu_nanos_per_unit(), bare.cpu_nanos_per_unit())
            };
            let values = pairs(measurements, contender, &self.workload(*size)).into_iter().map(of).collect();
            row.push(cell(Summary::of(values), 1));
        }
        Some(row)
    }
}
