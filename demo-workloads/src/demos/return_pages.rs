//! Freed is not given back: after a burst the allocator keeps its heap, held up by one block at its end.
//!
//! Kept: the heap of a burst that is over, by the allocator, for blocks to come.
//! Why: glibc's heap is one stretch of memory that only shrinks at its upper end. A single block there that was
//! allocated last and lives on keeps everything below it, though all of it is free.
//! inuse_space: next to nothing: `Metrics::record`, one block. The program has freed what it asked for; whoever
//! looks for a leak in this picture looks in the wrong place. The sum of RSS has the burst as "free in glibc".
//! alloc_space: nearly all of it at `Burst::receive`: what the burst asked for, and gave back.
//! Fix: `release_free_memory()` after the burst, which is glibc's `malloc_trim(0)` (`release`); or ask for large
//! blocks, which the system gives and takes one by one (`one-block`).
//! Broken by: `tests/demos/return_pages.rs`.

use std::hint::black_box;
use std::io;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "return-pages",
    row: "A3",
    is_core: false,
    figure: Figure::InMemory,
    size: Size { default: 64, unit: "MiB of messages" },
    leaks: &["leaky"],
    fixes: &["release", "one-block"],
    source: include_str!("return_pages.rs"),
    run,
};

const MESSAGE_BYTES: usize = 1024;

// The core.
struct Burst {
    messages: Vec<Box<[u8]>>,
}

impl Burst {
    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn receive(count: usize, variant: &str) -> Burst {
        if variant == "one-block" {
            let all = vec![1_u8; count * MESSAGE_BYTES]; // fix
            return Burst { messages: vec![all.into_boxed_slice()] };
        }
        let one = || vec![1_u8; MESSAGE_BYTES].into_boxed_slice();
        Burst { messages: (0..count).map(|_| one()).collect() }
    }
}

struct Metrics {
    last: Box<[u8; MESSAGE_BYTES]>,
}

impl Metrics {
    #[inline(never)]
    fn record(burst: &Burst) -> Metrics {
        let first = burst.messages.first().map_or(0, |message| message[0]);
        Metrics { last: Box::new([first; MESSAGE_BYTES]) } // leak
    }
}

fn after_the_burst(variant: &str) {
    if variant == "release" {
        alloc_tracer::release_free_memory(); // fix
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let count = (size << 20) / MESSAGE_BYTES;
    print_in_memory("before the burst", ledger)?;
    let burst = Burst::receive(count, variant);
    let metrics = Metrics::record(&burst);
    let messages = Count::from(count);
    ledger.line(format_args!("{messages} messages of 1 KiB received:"), "held by the program")?;
    print_in_memory("in the burst", ledger)?;

    drop(burst);
    after_the_burst(variant);
    black_box(metrics.last[0]);
    ledger.line(format_args!("handled and freed:"), "held by the program")?;
    print_in_memory("after the burst", ledger)?;
    Ok(Box::new(metrics))
}

fn print_in_memory(when: &str, ledger: &mut Ledger) -> io::Result<()> {
    let Ok(memory) = alloc_tracer::process_memory() else { return Ok(()) };
    let free = memory.allocator.and_then(|allocator| allocator.free_bytes).unwrap_or(0);
    let (resident, free) = (Bytes::unsigned(memory.resident_bytes), Bytes::unsigned(free));
    ledger.this_run(format_args!("{when}: {resident} in memory, {free} free in the allocator"))
}
