//! A `HashMap` that is a quarter full keeps the table of its fullest hour.
//!
//! Kept: a table for every session of the busiest hour, by a store that now has a quarter of them.
//! Why: no removal makes a table smaller, however few entries are left. And nothing tells: `capacity()` falls with the
//! removals, because it leaves out the slots that removals have made unusable, so the store looks fuller than it is
//! (hashbrown, `src/raw.rs`: it is `items + growth_left`, and `erase` gives growth back only next to an empty slot).
//! inuse_space: one tower fills the width, `SessionStore::open` down to hashbrown's growth: a single block, of which
//! less than a quarter is used. After `shrink-sparse` half of it is left, under `SessionStore::close_oldest`, because
//! there the smaller table was asked for; after `rebuild` and `shrink-to-fit` a quarter.
//! alloc_space: the same tower, about twice as much, from the doublings on the way up; the fixes add their smaller
//! table. What stands under `sweep` beside it made the small maps of the printed table, which are gone.
//! Fix: one call after each removal, `sessions.shrink_sparse()` of `alloc_tracer::shrink`: it does nothing as long as a
//! quarter of the table is used, and below that leaves twice the room that is needed. A rebuild under 25 % and
//! `shrink_to_fit` leave half as much, which the next sessions fill at once.
//! Broken by: `tests/demos/map_sparse.rs`.

use std::collections::HashMap;
use std::io;
use std::mem;

use alloc_tracer::shrink::ShrinkSparse;
use alloc_tracer::size::{Bytes, Count, percent};

use super::{Demo, Figure, Held, Size};
use crate::fixed_hash::FixedHasher;
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-sparse",
    row: "D5",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 400_000, unit: "sessions that the table has room for, at least" },
    leaks: &["leaky"],
    fixes: &["shrink-sparse", "rebuild", "shrink-to-fit"],
    source: include_str!("map_sparse.rs"),
    run,
};

// The core.
#[derive(Clone)]
struct Session {
    token: [u8; 64],
}

type Sessions = HashMap<u64, Session, FixedHasher>;

#[derive(Default)]
struct SessionStore {
    sessions: Sessions,
    next_id: u64,
    oldest_id: u64,
    /// The largest capacity since the table was made: what it has room for. `capacity()` itself falls.
    room: usize,
}

impl SessionStore {
    // Never inlined: these frames are the ones that the pictures must name.
    #[inline(never)]
    fn open(&mut self) {
        self.sessions.insert(self.next_id, Session { token: [self.next_id as u8; 64] });
        self.next_id += 1;
        self.room = self.room.max(self.sessions.capacity());
    }

    #[inline(never)]
    fn close_oldest(&mut self, fix: &str) {
        let closed = self.sessions.remove(&self.oldest_id); // leak
        debug_assert!(closed.is_some_and(|session| session.token[0] == self.oldest_id as u8));
        match fix {
            "shrink-sparse" => self.sessions.shrink_sparse(), // fix
            "rebuild" if self.sessions.len() * 4 < self.room => {
                self.sessions = mem::take(&mut self.sessions).into_iter().collect(); // fix
                self.room = self.sessions.capacity();
            }
            _ => {}
        }
        self.oldest_id += 1;
    }

    #[inline(never)]
    fn after_busiest_hour(&mut self, fix: &str) {
        if fix == "shrink-to-fit" {
            self.sessions.shrink_to_fit(); // fix
            self.room = self.sessions.capacity();
        }
    }
}
// End of the core.

/// Parts of 4,096 that stay: 24.4 %.
const LEFT: (usize, usize) = (1_000, 4_096);
/// The sweep's tables are so much smaller than the store's.
const SWEEP_PART: usize = 64;

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    sweep(size.div_ceil(SWEEP_PART), ledger)?;

    let mut store = SessionStore::default();
    while store.sessions.len() < size.max(store.room) {
        store.open();
    }
    let room = store.room;
    let before = alloc_tracer::stats();
    let opened = Count::from(store.sessions.len());
    ledger.line(format_args!("{opened} sessions in a table for {}:", Count::from(store.room)), "")?;

    let (mut held_bytes, mut moved) = (ledger.held_bytes(), 0);
    while store.sessions.len() > room * LEFT.0 / LEFT.1 {
        store.close_oldest(variant);
        moved += moved_since(&mut held_bytes, &store, ledger);
    }
    store.after_busiest_hour(variant);
    moved += moved_since(&mut held_bytes, &store, ledger);

    let share = percent(store.sessions.len() as i64, room as i64);
    let left = Count::from(store.sessions.len());
    ledger.line(format_args!("{left} left, {share:.1} % of that room:"), "held")?;
    let asked = Count((alloc_tracer::stats().allocations - before.allocations) as i64);
    ledger.say(format_args!(
        "cost of giving back: allocations {asked}, sessions moved {}",
        Count::from(moved)
    ))?;
    Ok(Box::new(store))
}

/// The sessions that moved into another table, if the bytes held have changed.
fn moved_since(held_bytes: &mut u64, store: &SessionStore, ledger: &Ledger) -> usize {
    let is_other = mem::replace(held_bytes, ledger.held_bytes()) != *held_bytes;
    if is_other { store.sessions.len() } else { 0 }
}

/// A table: how full a map was and how much of that was removed; what it holds at that density, and what each way
/// of giving back would leave. Never inlined, to tell its towers from the store's.
#[inline(never)]
fn sweep(size: usize, ledger: &mut Ledger) -> io::Result<()> {
    const FILLED: [(usize, usize); 3] = [(100, 100), (75, 100), (51, 100)];
    const REMOVED: [(usize, usize); 5] = [(0, 100), (50, 100), (75, 100), (90, 100), (100, 100)];
    // The two densities by which the rule is usually explained: 1,000 of 4,096 and 500 of 512.
    const EXPLAINED: [((usize, usize), (usize, usize)); 2] =
        [((100, 100), (3_096, 4_096)), ((500, 512), (0, 100))];

    let room = Sessions::with_capacity_and_hasher(size, FixedHasher::new()).capacity();
    ledger
        .say(format_args!("tables for {} sessions; left by each way of giving back:", Count::from(room)))?;
    ledger.say(format_args!(
        "{:>7} {:>8} {:>8} {:>10} {:>11} {:>14} {:>14} {:>11} {:>14}",
        "filled",
        "removed",
        "density",
        "held",
        "capacity()",
        "25 % rule says",
        "shrink_sparse",
        "rebuild",
        "shrink_to_fit"
    ))?;
    let grid = FILLED.iter().flat_map(|filled| REMOVED.iter().map(move |removed| (*filled, *removed)));
    for (filled, removed) in grid.chain(EXPLAINED) {
        let store = swept(room, filled, removed);
        let density = percent(store.sessions.len() as i64, room as i64);
        let says = if store.sessions.len() * 4 < store.room { "give back" } else { "keep" };
        let held = ledger.held_bytes();
        let [helped, rebuilt, fitted] = [
            left_by(&store, ledger, Sessions::shrink_sparse),
            left_by(&store, ledger, |sessions| *sessions = mem::take(sessions).into_iter().collect()),
            left_by(&store, ledger, Sessions::shrink_to_fit),
        ];
        ledger.say(format_args!(
            "{:>5.1} % {:>6.1} % {density:>6.1} % {:>10} {:>11} {says:>14} {:>14} {:>11} {:>14}",
            percent(filled.0 as i64, filled.1 as i64),
            percent(removed.0 as i64, removed.1 as i64),
            Bytes::unsigned(held),
            Count::from(store.sessions.capacity()),
            Bytes::unsigned(helped),
            Bytes::unsigned(rebuilt),
            Bytes::unsigned(fitted),
        ))?;
    }
    Ok(())
}

/// A store whose table has this room, of which a part was filled, of which a part was removed.
fn swept(room: usize, filled: (usize, usize), removed: (usize, usize)) -> SessionStore {
    let mut store = SessionStore::default();
    store.sessions.reserve(room);
    let filled = room * filled.0 / filled.1;
    (0..filled).for_each(|_| store.open());
    (0..filled * removed.0 / removed.1).for_each(|_| store.close_oldest("leaky"));
    store
}

/// What a copy of the table, which has the same slots, holds once it has given back.
fn left_by(store: &SessionStore, ledger: &Ledger, give_back: fn(&mut Sessions)) -> u64 {
    let held_before = ledger.held_bytes();
    let mut copy = store.sessions.clone();
    give_back(&mut copy);
    ledger.held_bytes() - held_before
}
