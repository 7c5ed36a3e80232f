//! A `BTreeMap` releases its nodes as it empties, where a `HashMap` keeps its table.
//!
//! Kept: the table of a `HashMap`, at its full size until the last session is gone and after it. The same store in a
//! `BTreeMap` is the control: all that it keeps is one empty node.
//! Why: a hash table is one block, which cannot be given back in parts. A `BTreeMap` has nodes of at most eleven
//! entries; a removal that leaves a node with fewer than five fills it up from its neighbour or merges the two,
//! and a node that is merged away is released (alloc, `collections/btree/map.rs`, `MIN_LEN`).
//! inuse_space: `leaky`: one tower, `SessionStore::open` down to hashbrown's growth, a single block. `btree`: next to
//! nothing below `SessionStore::open`, the empty root.
//! alloc_space: `leaky`: twice the table, since it grew by doubling. `btree`: the nodes, once: a tree grows by
//! further nodes and copies none into a larger one.
//! Fix: keep a store that empties and fills again in a `BTreeMap`; the variant `scattered` removes
//! in no order, and the tree releases as well. Or keep the `HashMap` and shrink it.
//! Broken by: `tests/demos/tree_map.rs`.

use std::collections::{BTreeMap, HashMap};
use std::io;

use alloc_tracer::size::{Bytes, Count, percent};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "tree-map",
    row: "D11",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 500_000, unit: "sessions" },
    leaks: &["leaky"],
    fixes: &["btree", "scattered"],
    source: include_str!("tree_map.rs"),
    run,
};

// The core.
struct Session {
    token: [u8; 64],
}

enum SessionStore {
    Hash(HashMap<u64, Session>),
    Tree(BTreeMap<u64, Session>),
}

impl SessionStore {
    fn new(variant: &str) -> Self {
        match variant {
            "btree" | "scattered" => Self::Tree(BTreeMap::new()), // fix
            _ => Self::Hash(HashMap::new()),                      // leak
        }
    }

    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn open(&mut self, id: u64) {
        let session = Session { token: [id as u8; 64] };
        match self {
            Self::Hash(sessions) => sessions.insert(id, session),
            Self::Tree(sessions) => sessions.insert(id, session),
        };
    }

    fn expire(&mut self, id: u64) {
        let session = match self {
            Self::Hash(sessions) => sessions.remove(&id),
            Self::Tree(sessions) => sessions.remove(&id),
        };
        debug_assert!(session.is_some_and(|session| session.token[0] == id as u8));
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let size = size as u64;
    let mut store = SessionStore::new(variant);
    for id in 0..size {
        store.open(id);
    }
    let full_bytes = ledger.held_bytes();
    let (kind, order) = match variant {
        "btree" => ("BTreeMap", "the oldest first"),
        "scattered" => ("BTreeMap", "in no order"),
        _ => ("HashMap", "the oldest first"),
    };
    let sessions = Count::from(size as usize);
    ledger.say(format_args!("{sessions} sessions in a {kind}, removed {order}:"))?;
    print_step(ledger, 0, full_bytes)?;
    let slots = size.next_power_of_two();
    let in_order = |nth| if variant == "scattered" { scattered(nth, slots) } else { nth };
    let mut expiring = (0..slots).map(in_order).filter(|id| *id < size);
    for tenth in 1..=10 {
        let removals = size * tenth / 10 - size * (tenth - 1) / 10;
        for id in expiring.by_ref().take(removals as usize) {
            store.expire(id);
        }
        print_step(ledger, tenth, full_bytes)?;
    }
    ledger.line(format_args!("no session is left:"), "held by the program")?;
    Ok(Box::new(store))
}

/// Gives every number below a power of two another one below it, the same in every run: each step can be undone,
/// so no two get the same.
fn scattered(number: u64, slots: u64) -> u64 {
    let half_of_the_bits = slots.trailing_zeros().div_ceil(2);
    (0..3).fold(number, |number, _| {
        let number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % slots;
        if slots == 1 { number } else { number ^ (number >> half_of_the_bits) }
    })
}

/// A row with a bar as long as the bytes that are held: a flat edge or a staircase.
fn print_step(ledger: &mut Ledger, tenth: u64, full_bytes: u64) -> io::Result<()> {
    let held_bytes = ledger.held_bytes();
    let share = percent(held_bytes as i64, full_bytes as i64);
    let (held, width) = (Bytes::unsigned(held_bytes), (share / 2.5).round() as usize);
    ledger.say(format_args!("{:>4} % {held:>10} {share:>6.1} %  {:#<width$}", tenth * 10, ""))
}
