//! A key whose `Hash` sees more than its `Eq` goes into the map and cannot be found to be removed.
//!
//! Kept: every connection of every client, by a map that is told to remove each of them; `len()` only rises.
//! Why: `Eq` compares addresses, the derived `Hash` also takes in the time at which the client was last seen.
//! A moment later the same client hashes to another place, where `remove` looks and, rare luck
//! apart, finds nothing.
//! inuse_space: two towers on `connect`: `open_buffer`, the buffers of connections long closed, and, narrow
//! beside it, hashbrown's `reserve_rehash`, the table; a sliver are the keys. Here the map itself is the
//! holder: a tower that does not shrink although the code removes, and a `len()` above the number of clients.
//! alloc_space: as wide at the buffers, not one of which was given back; with a sound key it looks the same,
//! beside an inuse_space that is empty.
//! Fix: hash the fields that `Eq` compares, no others (`consistent-key`); clippy finds the derived form:
//! `derived_hash_with_manual_eq`. What has piled up goes by `retain`, which visits every entry and hashes
//! none (`retain`).
//! Broken by: `tests/demos/broken_key.rs`.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::io;

use alloc_tracer::size::Count;

use super::{Demo, Figure, Held, Size};
use crate::fixed_hash::FixedHasher;
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "broken-key",
    row: "D10",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 5_000, unit: "clients that connect four times" },
    leaks: &["leaky"],
    fixes: &["consistent-key", "retain"],
    source: include_str!("broken_key.rs"),
    run,
};

const BUFFER_BYTES: usize = 1 << 10;
const ROUNDS: u64 = 4;
/// Virtual seconds.
const ROUND_LASTS: u64 = 60;

// The core.
#[derive(Hash)] // leak
#[expect(clippy::derived_hash_with_manual_eq, reason = "this mistake is what the demo is about")]
struct Peer {
    address: String,
    seen_at: u64,
}

impl PartialEq for Peer {
    fn eq(&self, other: &Peer) -> bool {
        self.address == other.address
    }
}
impl Eq for Peer {}

#[derive(PartialEq, Eq)]
struct ConsistentPeer(Peer);

impl Hash for ConsistentPeer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.address.hash(state); // fix
    }
}

struct Connection {
    opened_at: u64,
    buffer: Vec<u8>,
}

type Connections<Key> = HashMap<Key, Connection, FixedHasher>;

// Never inlined, like `open_buffer`: the pictures must name these frames.
#[inline(never)]
fn connect<Key: Hash + Eq>(connections: &mut Connections<Key>, peer: Key, now: u64) {
    connections.insert(peer, Connection { opened_at: now, buffer: open_buffer() });
}

fn disconnect<Key: Hash + Eq>(connections: &mut Connections<Key>, peer: &Key) -> Option<Connection> {
    connections.remove(peer)
}

fn sweep<Key>(connections: &mut Connections<Key>, opened_before: u64) {
    connections.retain(|_, connection| connection.opened_at >= opened_before); // fix
}

#[inline(never)]
fn open_buffer() -> Vec<u8> {
    vec![0; BUFFER_BYTES]
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let peer = |client: usize, seen_at: u64| Peer { address: format!("client-{client:06}"), seen_at };
    match variant {
        "consistent-key" => {
            serve(variant, size, ledger, |client, seen_at| ConsistentPeer(peer(client, seen_at)))
        }
        _ => serve(variant, size, ledger, peer),
    }
}

fn serve<Key: Hash + Eq + 'static>(
    variant: &str,
    size: usize,
    ledger: &mut Ledger,
    peer: impl Fn(usize, u64) -> Key,
) -> io::Result<Held> {
    let mut connections = Connections::default();
    for round in 0..ROUNDS {
        let now = round * ROUND_LASTS;
        (0..size).for_each(|client| connect(&mut connections, peer(client, now), now));
        let left = |client| disconnect(&mut connections, &peer(client, now + 1));
        let removed = (0..size).filter_map(left).filter(|gone| gone.buffer.len() == BUFFER_BYTES).count();
        if variant == "retain" {
            sweep(&mut connections, now + ROUND_LASTS);
        }
        let (number, length) = (round + 1, Count::from(connections.len()));
        let (clients, removed) = (Count::from(size), Count::from(removed));
        ledger.line(
            format_args!(
                "round {number}, {clients} came and went, remove found {removed}, len() is {length}:"
            ),
            "held by the program",
        )?;
    }
    connections.shrink_to_fit();
    let first = peer(0, ROUNDS * ROUND_LASTS);
    let equal = connections.keys().filter(|key| **key == first).count();
    let found = if connections.contains_key(&first) { "one" } else { "none" };
    ledger.say(format_args!("keys equal to that of client 0: {equal}; contains_key finds {found}"))?;
    drop(first);
    ledger.line(format_args!("after shrink_to_fit:"), "held by the program")?;
    Ok(Box::new(connections))
}
