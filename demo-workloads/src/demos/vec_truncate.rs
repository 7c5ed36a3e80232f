//! `truncate` and `clear` empty a `Vec` and keep its buffer.
//!
//! Kept: the buffer of one night's backlog, in an event batch that was sent and emptied to be used again.
//! Why: `truncate`, `clear`, `drain` and `pop` set the length and leave the buffer alone. Where it is filled to the
//! same height each time that is what one wants; after an exception it decides what the batch holds for ever.
//! inuse_space: one tower fills the width, `EventBatch::push` down to `RawVec::grow_one`: a single block, the
//! buffer at its largest size, for no event at all.
//! alloc_space: the same tower, twice as much, since each doubling asked for a new buffer and the smaller
//! ones are gone; it looks the same once the leak is fixed.
//! Fix: one line: `events.shrink_to_fit()`, `mem::take(&mut events)` or `events = Vec::new()`.
//! Broken by: `tests/demos/vec_truncate.rs`.

use std::io;
use std::mem;

use alloc_tracer::size::Count;

use super::{Demo, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "vec-truncate",
    row: "T1",
    is_core: true,
    size: Size { default: 64, unit: "MiB of events" },
    leaks: &["leaky", "clear"],
    fixes: &["shrink", "take", "new"],
    source: include_str!("vec_truncate.rs"),
    run,
};

/// A power of two, so that the buffer, which grows by doubling, fits `--size` in powers of two.
const EVENT_BYTES: usize = 64;

// The core.
struct Event {
    payload: [u8; EVENT_BYTES],
}

#[derive(Default)]
struct EventBatch {
    events: Vec<Event>,
}

impl EventBatch {
    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    fn send(&self) -> u64 {
        self.events.iter().map(|event| u64::from(event.payload[0])).sum()
    }

    fn reset(&mut self, variant: &str) {
        match variant {
            "clear" => self.events.clear(), // leak
            "shrink" => {
                self.events.truncate(0);
                self.events.shrink_to_fit(); // fix
            }
            "take" => drop(mem::take(&mut self.events)), // fix
            "new" => self.events = Vec::new(),           // fix
            _ => self.events.truncate(0),                // leak
        }
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut batch = EventBatch::default();
    for number in 0..(size << 20) / EVENT_BYTES {
        batch.push(Event { payload: [number as u8; EVENT_BYTES] });
    }
    let collected = Count::from(batch.events.len());
    ledger.line(format_args!("{collected} events collected:"), "held by the program")?;

    std::hint::black_box(batch.send());
    batch.reset(variant);
    let left = Count::from(batch.events.len());
    match variant {
        "shrink" => ledger
            .line(format_args!("batch sent, after truncate(0) and shrink_to_fit: {left} events,"), "")?,
        "take" => ledger.line(format_args!("batch sent, after mem::take: {left} events,"), "")?,
        "new" => ledger.line(format_args!("batch sent, after events = Vec::new(): {left} events,"), "")?,
        "clear" => ledger.line(format_args!("batch sent, after clear(): {left} events, still"), "")?,
        _ => ledger.line(format_args!("batch sent, after truncate(0): {left} events, still"), "")?,
    }
    Ok(Box::new(batch))
}
