//! `into_iter().filter(..).collect()` keeps the source's buffer.
//!
//! Kept: the buffer of every hour's readings, by a list of the few that were alerts: one reading in a thousand.
//! Why: where the collected items fit, `collect` writes them into the vector that it reads from, and what it returns
//! owns that buffer: the length is that of the alerts, the capacity that of the readings, and of smaller items a
//! multiple of it (`ids`). `take(n)` keeps it as `filter` does (`take`). It saves an allocation where most is kept, and
//! keeps too much where little is. Rust 1.95 reuses the buffer if both item types have the same alignment and the new
//! one is not larger, and then cuts off only what is no whole item; how few items are left does not matter.
//! `into_iter()` without an adapter is collected into its own buffer unless more than half was read before. Source:
//! `library/alloc/src/vec`, `in_place_collect.rs` and `spec_from_iter.rs`; rust-lang/rust#120091.
//! inuse_space: one tower fills the width, `load_hour`: full hours of readings. `select_alerts`, which
//! turns them into what is kept, allocates nothing: the place that allocates is not the place that keeps.
//! alloc_space: the same tower, as wide; it looks the same once the leak is fixed, because loading is not the leak. The
//! narrow tower `small_hour` beside it is the table of conversions that each run prints first.
//! Fix: `alerts.shrink_to_fit()` (`shrink`); collect into a `Box<[Reading]>`, which has no capacity to spare
//! (`boxed-slice`); or collect from `readings.iter()`, which asks for a new buffer (`collect-from-ref`).
//! Broken by: `tests/demos/collect_in_place.rs`.

use std::io;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "collect-in-place",
    row: "T4",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 256_000, unit: "readings in each of 4 hours" },
    leaks: &["leaky", "take", "ids"],
    fixes: &["shrink", "boxed-slice", "collect-from-ref"],
    source: include_str!("collect_in_place.rs"),
    run,
};

const HOURS: usize = 4;
/// One reading in so many is an alert.
const READINGS_PER_ALERT: usize = 1000;
/// The readings of the table are this part of an hour.
const OF_THE_SIZE: usize = 64;

// The core.
#[derive(Clone)]
struct Reading {
    id: u64,
    is_alert: bool,
    values: [f64; 6],
}

/// The alerts of one hour.
enum Alerts {
    List(Vec<Reading>),
    Boxed(Box<[Reading]>),
    Ids(Vec<u64>),
}

// Never inlined, like the other one: these frames are the ones that the pictures must name.
#[inline(never)]
fn select_alerts(readings: Vec<Reading>, variant: &str) -> Alerts {
    let is_alert = |reading: &Reading| reading.is_alert;
    match variant {
        "shrink" => {
            let mut alerts: Vec<Reading> = readings.into_iter().filter(is_alert).collect();
            alerts.shrink_to_fit(); // fix
            Alerts::List(alerts)
        }
        "boxed-slice" => Alerts::Boxed(readings.into_iter().filter(is_alert).collect()), // fix
        "collect-from-ref" => {
            Alerts::List(readings.iter().filter(|reading| reading.is_alert).cloned().collect()) // fix
        }
        "ids" => {
            let ids = readings.into_iter().filter(is_alert).map(|reading| reading.id);
            Alerts::Ids(ids.collect()) // leak
        }
        "take" => {
            let newest = readings.len().div_ceil(READINGS_PER_ALERT);
            Alerts::List(readings.into_iter().take(newest).collect()) // leak
        }
        _ => Alerts::List(readings.into_iter().filter(is_alert).collect()), // leak
    }
}

#[inline(never)]
fn load_hour(readings: usize) -> Vec<Reading> {
    (0..readings).map(Reading::numbered).collect()
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    print_conversions((size / OF_THE_SIZE).max(1), ledger)?;

    // With room for all hours, so that what the list itself holds is the same in each variant.
    let mut hours = Vec::with_capacity(HOURS);
    for _ in 0..HOURS {
        hours.push(select_alerts(load_hour(size), variant));
    }
    let readings = Count::from(HOURS * size);
    let kept = Count::from(hours.iter().map(Alerts::len).sum::<usize>());
    let room = Count::from(hours.iter().map(Alerts::capacity).sum::<usize>());
    ledger.say(format_args!("{readings} readings loaded, {kept} kept, in lists with room for {room}"))?;
    let still = if DEMO.leaks.contains(&variant) { " still" } else { "" };
    ledger.line(format_args!("alerts of {HOURS} hours:{still}"), "held by the program")?;
    Ok(Box::new(hours))
}

impl Reading {
    fn numbered(number: usize) -> Reading {
        let is_alert = number.is_multiple_of(READINGS_PER_ALERT);
        Reading { id: number as u64, is_alert, values: [number as f64; 6] }
    }
}

impl Alerts {
    fn len(&self) -> usize {
        match self {
            Alerts::List(readings) => readings.len(),
            Alerts::Boxed(readings) => readings.len(),
            Alerts::Ids(ids) => ids.len(),
        }
    }

    fn capacity(&self) -> usize {
        match self {
            Alerts::List(readings) => readings.capacity(),
            Alerts::Boxed(readings) => readings.len(),
            Alerts::Ids(ids) => ids.capacity(),
        }
    }
}

/// What this version of the standard library makes of several ways of collecting, seen by doing it.
fn print_conversions(readings: usize, ledger: &mut Ledger) -> io::Result<()> {
    let (count, bytes) = (Count::from(readings), Bytes::unsigned((readings * size_of::<Reading>()) as u64));
    ledger.say(format_args!("what collect() makes of {count} readings of 64 B, {bytes}:"))?;
    let [how, length, capacity, held] = ["collected", "length", "capacity", "held"];
    ledger.say(format_args!("{how:<40} {length:>7} {capacity:>9} {held:>10}"))?;

    let source = || small_hour(readings).into_iter();
    let is_alert = |reading: &Reading| reading.is_alert;
    let alerts = || source().filter(is_alert);
    let read_up_to = |number: usize| {
        let mut rest = source();
        rest.by_ref().take(number).for_each(drop);
        rest
    };
    row("into_iter().filter()", &alerts().collect::<Vec<_>>(), ledger)?;
    row("into_iter().filter().map() to 8 B", &alerts().map(|alert| alert.id).collect::<Vec<_>>(), ledger)?;
    let of_24: Vec<[f64; 3]> = alerts().map(|alert| [alert.values[0]; 3]).collect();
    row("into_iter().filter().map() to 24 B", &of_24, ledger)?;
    drop(of_24);
    let narrow: Vec<u32> = alerts().map(|alert| alert.id as u32).collect();
    row("into_iter().filter().map() to u32", &narrow, ledger)?;
    drop(narrow);
    row("into_iter(), less than half of it read", &read_up_to(readings / 4).collect::<Vec<_>>(), ledger)?;
    row("into_iter(), more than half of it read", &read_up_to(readings * 3 / 4).collect::<Vec<_>>(), ledger)?;
    let from_ref: Vec<Reading> = {
        let readings = small_hour(readings);
        readings.iter().filter(|reading| reading.is_alert).cloned().collect()
    };
    row("iter().filter().cloned()", &from_ref, ledger)
}

fn row<T>(how: &str, collected: &Vec<T>, ledger: &mut Ledger) -> io::Result<()> {
    let [length, capacity] = [collected.len(), collected.capacity()].map(Count::from);
    let held = Bytes::unsigned(ledger.held_bytes());
    ledger.say(format_args!("{how:<40} {length:>7} {capacity:>9} {held:>10}"))
}

/// Newest first: a function like [`load_hour`] to the letter would be merged with it, and take its name.
#[inline(never)]
fn small_hour(readings: usize) -> Vec<Reading> {
    (0..readings).rev().map(Reading::numbered).collect()
}
