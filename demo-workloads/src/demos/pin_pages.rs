//! A few survivors pin whole pages: a heap that is nearly empty and still in memory.
//!
//! Kept: every page on which one block survived, after 63 of 64 blocks were freed.
//! Why: the system gives and takes whole pages, and a block never moves. One small block that lives keeps the
//! room around it from going back; the allocator can only hand that room out again, to blocks that fit.
//! inuse_space: small, and right: one tower, `Connection::open`, a 64th of what there was. The memory around the
//! survivors is in no block, so no picture of blocks can show it; it is "free in glibc" in the sum of RSS.
//! alloc_space: the same tower, 64 times as much: every connection that ever was.
//! Fix: `release_free_memory()`, which is glibc's `malloc_trim(0)` (`release`), gives back the pages without a
//! survivor; where what lives long is also kept apart from what lives briefly (`apart`), here in a vector of its own,
//! that is nearly all of them.
//! Broken by: `tests/demos/pin_pages.rs`.

use std::io;

use alloc_tracer::size::{Bytes, Count, percent};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "pin-pages",
    row: "A2",
    is_core: false,
    figure: Figure::InMemory,
    size: Size { default: 800_000, unit: "connections" },
    leaks: &["leaky"],
    fixes: &["release", "apart"],
    source: include_str!("pin_pages.rs"),
    run,
};

/// One connection in so many stays open for days.
const LONG_LIVED_EVERY: usize = 64;

// The core.
struct Connection {
    number: usize,
    state: [u8; 248],
}

#[derive(Default)]
struct Server {
    #[expect(clippy::vec_box, reason = "other tasks point to connections, which must not move")]
    connections: Vec<Box<Connection>>,
    long_lived: Vec<Connection>,
}

impl Server {
    fn accept(&mut self, number: usize, variant: &str) {
        if variant == "apart" && number.is_multiple_of(LONG_LIVED_EVERY) {
            self.long_lived.push(Connection::new(number)); // fix
        } else {
            self.connections.push(Connection::open(number)); // leak
        }
    }

    fn after_the_rush(&mut self, variant: &str) {
        self.connections.retain(|connection| connection.number.is_multiple_of(LONG_LIVED_EVERY));
        self.connections.shrink_to_fit();
        self.long_lived.shrink_to_fit();
        if variant != "leaky" {
            alloc_tracer::release_free_memory(); // fix
        }
    }
}

impl Connection {
    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn open(number: usize) -> Box<Connection> {
        Box::new(Connection::new(number))
    }

    fn new(number: usize) -> Connection {
        Connection { number, state: [number as u8; 248] }
    }
}
// End of the core.

impl Server {
    /// The most free bytes between two survivors that follow one another in memory.
    fn largest_hole_bytes(&self) -> Option<u64> {
        let mut starts: Vec<usize> =
            self.connections.iter().map(|connection| (&raw const **connection).addr()).collect();
        starts.sort_unstable();
        let holes = starts.windows(2).map(|pair| pair[1] - pair[0] - size_of::<Connection>());
        // Survivors of different heaps have other memory between them.
        let hole = holes.filter(|hole| *hole < LONG_LIVED_EVERY * 2 * size_of::<Connection>()).max();
        hole.map(|bytes| bytes as u64)
    }
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut server = Server::default();
    for number in 0..size {
        server.accept(number, variant);
    }
    let opened = Count::from(size);
    ledger.line(format_args!("{opened} connections open:"), "held by the program")?;
    print_in_memory("connections open", ledger)?;

    server.after_the_rush(variant);
    let left = Count::from(server.connections.len() + server.long_lived.len());
    let states = server
        .connections
        .iter()
        .map(|connection| connection.state[0])
        .chain(server.long_lived.iter().map(|connection| connection.state[0]));
    std::hint::black_box(states.map(u64::from).sum::<u64>());
    ledger.line(format_args!("63 of 64 closed, {left} left:"), "held by the program")?;
    print_in_memory("after the rush", ledger)?;
    if let Some(hole) = server.largest_hole_bytes() {
        print_fragmentation(hole, ledger)?;
    }
    Ok(Box::new(server))
}

fn print_in_memory(when: &str, ledger: &mut Ledger) -> io::Result<()> {
    let Ok(memory) = alloc_tracer::process_memory() else { return Ok(()) };
    let (live, heap) = (memory.live_bytes as i64, memory.heap_bytes as i64);
    let share = percent(live, heap);
    ledger.this_run(format_args!(
        "{when}: {} of the heap in memory for {} of live blocks ({share:.1} %)",
        Bytes(heap),
        Bytes(live)
    ))
}

/// 1 - largest free / total free: 0 % where all that is free is one piece, near 100 % where it is crumbs. It says
/// how large a block could still be had, not how much could go back to the system.
fn print_fragmentation(largest_hole_bytes: u64, ledger: &mut Ledger) -> io::Result<()> {
    let Ok(memory) = alloc_tracer::process_memory() else { return Ok(()) };
    let Some(free_bytes) = memory.allocator.and_then(|allocator| allocator.free_bytes) else { return Ok(()) };
    let (largest, free) = (Bytes::unsigned(largest_hole_bytes), Bytes::unsigned(free_bytes));
    let fragmentation = 100.0 - percent(largest_hole_bytes as i64, free_bytes as i64);
    ledger.this_run(format_args!(
        "fragmentation = 1 - largest hole / all that is free = 1 - {largest} / {free} = {fragmentation:.2} %"
    ))
}
