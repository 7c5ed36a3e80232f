//! The tables of `docs/shrinking.md`: each workload under each policy, by what the tracer counts. Names both, decides nothing.

use std::fmt::Write;

use alloc_tracer::Stats;

use super::policies::{Collection, Map, Policy, Stack};
use super::workloads::WORKLOADS;

/// Its name, its largest room, and a new one.
type Kind = (&'static str, i64, fn() -> Box<dyn Collection>);

/// Of 2^12 slots a table uses 7/8.
const COLLECTIONS: [Kind; 2] = [
    ("HashMap", (1 << 12) / 8 * 7, || Box::new(Map::new())),
    ("Vec", 1 << 12, || Box::new(Stack::default())),
];

const POLICIES: [(&str, Policy); 5] = [
    ("never", Policy::Never),
    ("shrink_sparse", Policy::ShrinkSparse),
    ("fit-always", Policy::FitAlways),
    ("fit-at-half", Policy::FitAtHalf),
    ("rebuild", Policy::Rebuild),
];

/// All tables, or the rows that all these words name.
pub(crate) fn print(only: &[&str]) -> String {
    let mut text = String::new();
    for (collection, room, make) in COLLECTIONS {
        for workload in &WORKLOADS {
            let mut rows = String::new();
            for (policy, shrink) in POLICIES {
                let names = [collection, workload.name, policy];
                if only.iter().all(|word| names.contains(word)) {
                    let cell = Cell::run(make(), &(workload.runs)(room), shrink);
                    writeln!(rows, "{policy:<14}{}", cell.columns()).unwrap();
                }
            }
            if !rows.is_empty() {
                let gap = if text.is_empty() { "" } else { "\n" };
                writeln!(text, "{gap}{collection}, {}: {}\n{HEAD}\n{rows}", workload.name, workload.what)
                    .unwrap();
                text.pop();
            }
        }
    }
    text
}

const HEAD: &str = "                KiB at end  KiB on avg   moved per step   allocator calls";

struct Cell {
    steps: u64,
    moved: u64,
    bytes_at_end: u64,
    bytes_on_average: u64,
    allocator_calls: u64,
}

impl Cell {
    fn run(mut collection: Box<dyn Collection>, runs: &[i64], policy: Policy) -> Cell {
        // Bytes are looked at between steps, as often as costs little.
        const STEPS_PER_LOOK: u64 = 16;
        let calls = |stats: &Stats| stats.allocations + stats.reallocations;
        let before = alloc_tracer::stats();
        let held_bytes = || alloc_tracer::stats().live_bytes.saturating_sub(before.live_bytes);
        let (mut steps, mut puts, mut looks, mut sum_bytes) = (0, 0, 0, 0);
        for run in runs {
            for _ in 0..run.unsigned_abs() {
                if *run > 0 {
                    collection.put(puts);
                    puts += 1;
                } else {
                    collection.take(policy);
                }
                steps += 1;
                if steps % STEPS_PER_LOOK == 0 {
                    looks += 1;
                    sum_bytes += held_bytes();
                }
            }
        }
        assert!(2 * puts - steps == collection.len() as u64, "every step was taken");
        Cell {
            steps,
            moved: collection.moved(),
            bytes_at_end: held_bytes(),
            bytes_on_average: sum_bytes / looks,
            allocator_calls: calls(&alloc_tracer::stats()) - calls(&before),
        }
    }

    fn columns(&self) -> String {
        let per_step = self.moved as f64 / self.steps as f64;
        let [end, average] = [self.bytes_at_end, self.bytes_on_average].map(|bytes| bytes as f64 / 1024.0);
        format!("{end:>12.1}{average:>12.1}{per_step:>17.3}{:>18}", self.allocator_calls)
    }
}
