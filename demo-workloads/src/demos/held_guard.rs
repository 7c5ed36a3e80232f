//! A guard that is held too long keeps everything that was retired since.
//!
//! Kept: every route table that was ever replaced, by a report that pinned its epoch when it began and is not done.
//! Why: with epochs, what is replaced is freed when no reader can still see it. A guard does not say what it looks at,
//! so whatever was retired after it was taken waits for it, all of it: while a thread stays pinned the epoch advances
//! once and no more (crossbeam-epoch, `Global::try_advance`). An `ArcSwap` counts references instead: a guard keeps the
//! one table that it loaded, and a session that keeps its guard keeps the table of its first day.
//! inuse_space: one tower fills the width, `build_table`, which made the tables; neither the guard, which is one word,
//! nor the report is anywhere in the picture. Beside it a sliver: crossbeam-epoch's bags of retired pointers, below
//! `Global::push_bag`.
//! alloc_space: the same tower, as wide; with a fix it stays, for the tables are made all the same.
//! Fix: `guard.repin()` between two steps of long work (`repin`), or a guard for each step (`unpin`); or reference
//! counts: under `arc-swap` the report's one guard keeps one old table. Where each session keeps one (`sessions`):
//! `load` on each request.
//! Broken by: `tests/demos/held_guard.rs`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use alloc_tracer::size::Count;
use arc_swap::ArcSwap;
use crossbeam_epoch::{Atomic, Collector, Guard, Owned};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "held-guard",
    row: "S6",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 64, unit: "tables of 16 KiB published in each of 32 rounds" },
    leaks: &["leaky", "sessions"],
    fixes: &["repin", "unpin", "arc-swap", "load"],
    source: include_str!("held_guard.rs"),
    run,
};

const ROUNDS: usize = 32;
const ROUNDS_A_LINE: usize = 4;
const HOPS: usize = 4 << 10;

// The core.
struct RouteTable {
    hops: Box<[u32]>,
}

#[inline(never)]
fn build_table(version: usize) -> RouteTable {
    RouteTable { hops: vec![version as u32; HOPS].into_boxed_slice() }
}

struct RouteMap {
    current: Atomic<RouteTable>,
}

impl RouteMap {
    #[inline(never)]
    fn publish(&self, table: RouteTable, guard: &Guard) {
        let retired = self.current.swap(Owned::new(table), Ordering::AcqRel, guard);
        // SAFETY: the swap took `retired` out of the map: it is retired once, and whoever finds it no more
        // cannot reach it; those who found it before are pinned. It is never null, as a map begins with a table.
        unsafe { guard.defer_destroy(retired) };
    }

    fn hop(&self, destination: usize, guard: &Guard) -> u32 {
        // SAFETY: the pointer is never null, and what it points to is freed after `guard` is gone at the earliest.
        unsafe { self.current.load(Ordering::Acquire, guard).deref() }.hops[destination % HOPS]
    }
}

/// Goes through all destinations, a few in each round.
struct Report {
    guard: Guard, // leak
    hops: u64,
}

impl Report {
    fn step(&mut self, map: &RouteMap, destination: usize, repins: bool) {
        if repins {
            self.guard.repin(); // fix
        }
        self.hops += u64::from(map.hop(destination, &self.guard));
    }
}

fn request(map: &ArcSwap<RouteTable>, destination: usize) -> u32 {
    map.load().hops[destination % HOPS] // fix
}

/// Routes by the table that was current when it began.
struct Session {
    table: Arc<RouteTable>, // leak
}

impl Session {
    fn request(&self, destination: usize) -> u32 {
        self.table.hops[destination % HOPS]
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    match variant {
        "sessions" | "arc-swap" | "load" => publish_by_reference_counts(variant, size, ledger),
        _ => publish_by_epochs(variant, size, ledger),
    }
}

/// One thread takes the part of both, as two participants of the collector: which rounds free what is then the
/// same every time.
fn publish_by_epochs(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let collector = Collector::new();
    let (reader, writer) = (collector.register(), collector.register());
    let map = RouteMap { current: Atomic::new(build_table(0)) };
    let mut report = Some(Report { guard: reader.pin(), hops: 0 });
    for round in 1..=ROUNDS {
        for number in 1..=size {
            map.publish(build_table((round - 1) * size + number), &writer.pin());
        }
        if variant == "unpin" {
            let hops = report.take().map_or(0, |report| report.hops);
            report = Some(Report { guard: reader.pin(), hops });
        }
        if let Some(report) = &mut report {
            report.step(&map, round, variant == "repin");
        }
        // Hands the retired tables of this round over, and frees those that nobody can see.
        writer.pin().flush();
        print(round, size, ledger)?;
    }
    let hops = report.as_ref().map_or(0, |report| report.hops);
    ledger.say(format_args!("the report counts {} hops", Count(hops as i64)))?;
    Ok(Box::new((map, report, reader, writer)))
}

fn publish_by_reference_counts(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let map = ArcSwap::from_pointee(build_table(0));
    let reports_guard = (variant == "arc-swap").then(|| map.load());
    let mut sessions = Vec::new();
    let mut hops = 0;
    for round in 1..=ROUNDS {
        for number in 1..=size {
            map.store(Arc::new(build_table((round - 1) * size + number)));
            if variant == "sessions" {
                sessions.push(Session { table: map.load_full() });
            }
        }
        hops += u64::from(match (&reports_guard, sessions.first()) {
            (Some(guard), _) => guard.hops[round % HOPS],
            (None, Some(session)) => session.request(round),
            (None, None) => request(&map, round),
        });
        print(round, size, ledger)?;
    }
    ledger.say(format_args!("the report counts {} hops", Count(hops as i64)))?;
    Ok(Box::new((map, reports_guard, sessions)))
}

fn print(round: usize, size: usize, ledger: &mut Ledger) -> io::Result<()> {
    if !round.is_multiple_of(ROUNDS_A_LINE) {
        return Ok(());
    }
    let published = Count::from(round * size);
    ledger.line(format_args!("round {round:>2}, {published:>7} tables published:"), "held by the program")
}
