//! Churn doubles a `HashMap` that never gets more entries.
//!
//! Kept: a table of twice the slots, by a list of open connections that was made with room for its limit and never
//! had more than 65 % of it in use.
//! Why: where its neighbours are taken, `remove` may not make a slot free again: it leaves a tombstone, which a look-up
//! must pass. New entries seldom fall on one, so tombstones add up, `capacity()` falls, and look-ups of what is not
//! there pass more and more slots. When no free slot is left and more than half of the room is in use, the table
//! doubles (hashbrown, `src/raw.rs`, `erase` and `reserve_rehash_inner`).
//! inuse_space: one tower fills the width, `ConnectionTable::open` down to hashbrown's growth, although nothing grew: a
//! table of twice the size that `ConnectionTable::with_limit` asked for.
//! alloc_space: two towers, the table as it was made under `with_limit`, and its double under `open`. With either fix
//! the second tower is `ConnectionTable::rebuild`, a table as large as the first each time that it ran.
//! Fix: rebuild the map at the same size when `len()` has come up to `capacity()` (`rebuild-when-full`), which is once
//! in five turnovers of all connections here. To mark what is closed and to rebuild at 30 % dead (`mark-and-rebuild`)
//! holds as much, rebuilds several times as often, and keeps the dead between.
//! Broken by: `tests/demos/map_churn.rs`.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::io;
use std::mem;
use std::time::{Duration, Instant};

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::fixed_hash::FixedHasher;
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-churn",
    row: "D6",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 200_000, unit: "connections at most" },
    leaks: &["leaky"],
    fixes: &["rebuild-when-full", "mark-and-rebuild"],
    source: include_str!("map_churn.rs"),
    run,
};

// The core.
struct Connection {
    peer: [u8; 55],
    is_closed: bool,
}

#[derive(Default)]
struct ConnectionTable {
    connections: HashMap<ConnectionId, Connection, FixedHasher>,
    limit: usize,
    marked: usize,
}

impl ConnectionTable {
    // Never inlined: these frames are the ones that the pictures must name.
    #[inline(never)]
    fn with_limit(connections: usize) -> Self {
        let connections = HashMap::with_capacity_and_hasher(connections, FixedHasher::new());
        ConnectionTable { limit: connections.capacity(), connections, marked: 0 }
    }

    #[inline(never)]
    fn open(&mut self, id: ConnectionId, peer: [u8; 55], fix: &str) {
        let is_full = self.connections.len() == self.connections.capacity();
        if fix == "rebuild-when-full" && is_full && self.connections.len() < self.limit {
            self.rebuild(); // fix
        }
        self.connections.insert(id, Connection { peer, is_closed: false });
    }

    fn close(&mut self, id: ConnectionId, fix: &str) {
        if fix != "mark-and-rebuild" {
            let closed = self.connections.remove(&id); // leak
            debug_assert!(closed.is_some_and(|connection| connection.peer[0] == id.0 as u8));
            return;
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_closed = true;
            self.marked += 1;
        }
        if self.marked * 10 > self.connections.len() * 3 {
            self.rebuild(); // fix
        }
    }

    #[inline(never)]
    fn rebuild(&mut self) {
        let old = mem::replace(self, Self::with_limit(self.limit));
        self.connections.extend(old.connections.into_iter().filter(|(_, connection)| !connection.is_closed));
    }
}
// End of the core.

#[derive(Clone, Copy, Eq)]
struct ConnectionId(u64);

thread_local! {
    static COMPARED: Cell<u64> = const { Cell::new(0) };
}

/// Counts: the comparisons are the part of a look-up that can be counted. A table compares the keys of slots that it
/// passes and whose seven bits of the hash are the same by chance, one in 128.
impl PartialEq for ConnectionId {
    fn eq(&self, other: &Self) -> bool {
        COMPARED.set(COMPARED.get() + 1);
        self.0 == other.0
    }
}

impl Hash for ConnectionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// What is open all the time, of what the table has room for, in percent.
const OPEN_PERCENT: usize = 65;
const ROUNDS: usize = 20;
/// One connection in so many is replaced in a round, the oldest first.
const REPLACED_PART: usize = 4;

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let allocations_before = alloc_tracer::stats().allocations;
    let mut table = ConnectionTable::with_limit(size);
    let open = (table.limit * OPEN_PERCENT / 100).max(1);
    let mut ids = (0..).map(ConnectionId);
    let mut oldest_ids = (0..).map(ConnectionId);
    let peer = |id: ConnectionId| [id.0 as u8; 55];
    ids.by_ref().take(open).for_each(|id| table.open(id, peer(id), variant));
    let (limit, opened) = (Count::from(table.limit), Count::from(open));
    ledger.line(format_args!("{opened} connections open, room for {limit}:"), "held by the program")?;
    ledger.say(format_args!(
        "{:>5} {:>9} {:>7} {:>11} {:>10} {:>9}",
        "round", "open", "marked", "capacity()", "held", "compared"
    ))?;

    let (mut churn_time, mut most_bytes) = (Duration::ZERO, 0);
    let (mut first_look, mut longest_look) = (None, Duration::ZERO);
    for round in 1..=ROUNDS {
        let started = Instant::now();
        for (closed, opened) in oldest_ids.by_ref().zip(ids.by_ref()).take(open.div_ceil(REPLACED_PART)) {
            table.close(closed, variant);
            table.open(opened, peer(opened), variant);
        }
        churn_time += started.elapsed();
        let (compared, look) = look_up_unknown(&table);
        longest_look = longest_look.max(look);
        first_look.get_or_insert(look);
        let held = ledger.held_bytes();
        most_bytes = most_bytes.max(held);
        ledger.say(format_args!(
            "{round:>5} {:>9} {:>7} {:>11} {:>10} {:>9}",
            Count::from(table.connections.len() - table.marked),
            Count::from(table.marked),
            Count::from(table.connections.capacity()),
            Bytes::unsigned(held),
            Count(compared as i64),
        ))?;
    }
    let tables = Count((alloc_tracer::stats().allocations - allocations_before) as i64);
    let most = Bytes::unsigned(most_bytes);
    ledger.line(format_args!("tables made: {tables}; most bytes after a round: {most}; now:"), "")?;
    let replaced = (ROUNDS * open.div_ceil(REPLACED_PART)) as u128;
    let first = first_look.unwrap_or_default();
    ledger.this_run(format_args!(
        "{} ns to close one and open one; an unknown id: {} ns at first, {} ns at worst",
        churn_time.as_nanos() / replaced,
        first.as_nanos() / u128::from(LOOK_UPS),
        longest_look.as_nanos() / u128::from(LOOK_UPS),
    ))?;
    Ok(Box::new(table))
}

const LOOK_UPS: u64 = 20_000;

/// Keys compared, and the time, for so many look-ups of ids that were never given out.
fn look_up_unknown(table: &ConnectionTable) -> (u64, Duration) {
    let (compared, started) = (COMPARED.get(), Instant::now());
    let unknown = (0..LOOK_UPS).map(|below| ConnectionId(u64::MAX - below));
    let found = unknown.filter(|id| table.connections.contains_key(id)).count();
    assert_eq!(found, 0, "nobody has such an id");
    (COMPARED.get() - compared, started.elapsed())
}
