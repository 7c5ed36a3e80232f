//! The section `workloads`: ratios to the bare allocator, processor time and peak memory.

use anyhow::Result;

use super::bench::{Bench, Cell};
use super::contenders::{Contender, Kind};
use super::measurements::{Measurement, pairs};
use super::reading::Reading;
use super::statistics::Summary;
use super::table::{cell, markdown};
use super::workloads::Workload;

/// What is compared of two readings.
type Value = fn(&Reading) -> f64;

pub(super) fn section(bench: &mut Bench, workloads: &[Workload]) -> Result<(String, Vec<Measurement>)> {
    let cells: Vec<Cell> =
        workloads.iter().map(|of| Cell { workload: of.name.to_owned(), units: of.units }).collect();
    let contenders = bench.contenders.clone();
    let measurements = bench.measure("workloads", &contenders, &cells, bench.rounds)?;
    let mut text = String::new();
    let tables: [(&str, Value); 2] =
        [("Processor time", Reading::cpu_nanos_per_unit), ("Peak memory", Reading::peak_bytes)];
    for (what, value) in tables {
        for (which, kind) in [
            ("counters, and sampling every 512 KiB", Kind::Light),
            ("every allocation with its stack", Kind::Exact),
        ] {
            let mine: Vec<_> =
                contenders.iter().copied().filter(|contender| contender.kind == kind).collect();
            if !mine.is_empty() {
                let table = ratios(&measurements, &mine, workloads, value);
                text += &format!("{what}, {which}:\n\n{table}\n");
            }
        }
    }
    Ok((text, measurements))
}

fn ratios(
    measurements: &[Measurement],
    contenders: &[&Contender],
    workloads: &[Workload],
    value: Value,
) -> String {
    let mut head = vec![""];
    head.extend(workloads.iter().map(|workload| workload.name));
    let row = |contender: &&Contender| {
        let of = |workload: &Workload| {
            let pairs = pairs(measurements, contender, workload.name);
            let ratios = pairs.into_iter().map(|(mine, bare)| value(mine) / value(bare)).collect();
            cell(Summary::of(ratios), 2)
        };
        let mut row = vec![contender.title.to_owned()];
        row.extend(workloads.iter().map(of));
        row
    };
    markdown(&head, &contenders.iter().map(row).collect::<Vec<_>>())
}
