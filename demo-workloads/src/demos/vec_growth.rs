//! A `Vec` that is pushed to without a capacity reallocates all the way up and ends with room to spare.
//!
//! Kept: the part of each buffer that no element fills: a vector of a million readings has room for 48,576 more.
//! Why: a full buffer is exchanged for one twice as large: the number of reallocations grows with the logarithm of the
//! length, the bytes ever asked for are twice the last buffer, and up to half of that one stays empty. Source: Rust
//! 1.95, `grow_amortized` in `library/alloc/src/raw_vec/mod.rs`. `reserve_exact` before each chunk ends tight, but
//! exchanges the buffer every time: the bytes ever asked for grow with the square of the length.
//! inuse_space: three towers, `Readings::record_temperature`, `record_humidity` and `record_pressure` down to the
//! growth of `RawVec`: one block each, the last buffer. With a capacity they are as wide as what they hold.
//! alloc_space: the chain: each tower is twice as wide as in inuse_space, and alloc_objects counts every buffer of it.
//! With `reserve-exact` it is (chunks + 1) / 2 times as wide, more than a hundred times for a million readings. With a
//! capacity both pictures are the same.
//! Fix: say how many there will be: `Vec::with_capacity(n)` (`with-capacity`), or collect from an iterator that knows
//! its length (`collect`); `shrink_to_fit()` afterwards gives the spare room back, the chain remains (`shrink`).
//! Broken by: `tests/demos/vec_growth.rs`.

use std::io;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "vec-growth",
    row: "T5",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 1_000_000, unit: "temperatures, and a tenth and a hundredth of other readings" },
    leaks: &["leaky", "reserve-exact"],
    fixes: &["with-capacity", "collect", "shrink"],
    source: include_str!("vec_growth.rs"),
    run,
};

/// How many readings come at once.
const CHUNK: usize = 4096;

// The core.
#[derive(Clone, Copy)]
struct Reading {
    second: u64,
    value: f64,
}

#[derive(Default)]
struct Readings {
    temperature: Vec<Reading>,
    humidity: Vec<Reading>,
    pressure: Vec<Reading>,
}

// Never inlined: these frames are the ones that the pictures must name.
impl Readings {
    #[inline(never)]
    fn record_temperature(&mut self, count: usize, variant: &str) {
        record(&mut self.temperature, count, |second| second as f64 / 8.0, variant);
    }

    #[inline(never)]
    fn record_humidity(&mut self, count: usize, variant: &str) {
        record(&mut self.humidity, count, |second| (second % 100) as f64, variant);
    }

    #[inline(never)]
    fn record_pressure(&mut self, count: usize, variant: &str) {
        record(&mut self.pressure, count, |second| 1000.0 + second as f64, variant);
    }
}

// Always inlined: a call as the last thing that a function does leaves no frame of that function.
#[inline(always)]
fn record(series: &mut Vec<Reading>, count: usize, measure: impl Fn(usize) -> f64, variant: &str) {
    let reading = |second| Reading { second: second as u64, value: measure(second) };
    match variant {
        "collect" => *series = (0..count).map(reading).collect(), // fix
        "with-capacity" => {
            *series = Vec::with_capacity(count); // fix
            (0..count).for_each(|second| series.push(reading(second)));
        }
        "reserve-exact" => {
            for first in (0..count).step_by(CHUNK) {
                let chunk = first..count.min(first + CHUNK);
                series.reserve_exact(chunk.len()); // leak
                chunk.for_each(|second| series.push(reading(second)));
            }
        }
        _ => {
            (0..count).for_each(|second| series.push(reading(second))); // leak
            if variant == "shrink" {
                series.shrink_to_fit(); // fix
            }
        }
    }
}
// End of the core.

/// Records so many readings in the way of a variant.
type Record = fn(readings: &mut Readings, count: usize, variant: &str);

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let [stack, readings, buffers] = ["call stack", "readings", "reallocations"];
    let [allocated, live, needed] = ["allocated", "live", "needed"];
    ledger.say(format_args!(
        "{stack:<20} {readings:>11} {buffers:>13} {allocated:>10} {live:>10} {needed:>10}"
    ))?;
    let mut all = Readings::default();
    let sites: [(&str, usize, Record); 3] = [
        ("record_temperature", size, Readings::record_temperature),
        ("record_humidity", size.div_ceil(10), Readings::record_humidity),
        ("record_pressure", size.div_ceil(100), Readings::record_pressure),
    ];
    for (name, count, record) in sites {
        let before = alloc_tracer::stats();
        record(&mut all, count, variant);
        let after = alloc_tracer::stats();
        let reallocations = Count((after.reallocations - before.reallocations) as i64);
        let allocated = Bytes::unsigned(after.total_bytes - before.total_bytes);
        let live = Bytes::unsigned(after.live_bytes - before.live_bytes);
        let needed = Bytes::unsigned((count * size_of::<Reading>()) as u64);
        let count = Count::from(count);
        ledger.say(format_args!(
            "{name:<20} {count:>11} {reallocations:>13} {allocated:>10} {live:>10} {needed:>10}"
        ))?;
    }
    let recorded = [&all.temperature, &all.humidity, &all.pressure];
    let checksum: f64 =
        recorded.into_iter().flatten().map(|reading| reading.second as f64 + reading.value).sum();
    std::hint::black_box(checksum);
    let spare = recorded
        .iter()
        .map(|series| (series.capacity() - series.len()) * size_of::<Reading>())
        .sum::<usize>();
    let spare = Bytes::unsigned(spare as u64);
    ledger.line(format_args!("recorded, {spare} of it for no reading:"), "held by the program")?;
    Ok(Box::new(all))
}
