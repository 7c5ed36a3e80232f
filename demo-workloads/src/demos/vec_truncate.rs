//! `truncate` and `clear` empty a `Vec` and keep its buffer.
//!
//! What leaks: an event batch was filled by one night's backlog, was sent and truncated, and every
//! later batch uses a hundredth of a buffer that stays. inuse_space must show the buffer under
//! `EventBatch::push` and `RawVec::grow_one`, at its largest size; alloc_space twice that, because
//! every doubling on the way counts. Broken by: `tests/demos/vec_truncate.rs`.

use std::io;
use std::mem;

use alloc_tracer::size::Count;

use super::{Demo, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "vec-truncate",
    keeps: "a Vec of events keeps its buffer after the batch was sent and truncated",
    explanation: "\
A service collects events in a batch, sends the batch and empties it with `truncate(0)` or `clear()` to \
use it again. Both set the length and leave the buffer alone, so one night with a backlog decides how much \
memory the batch holds from then on. In inuse_space one tower fills the width: `EventBatch::push` down to \
`RawVec::grow_one` is the buffer, at its largest size, for zero events. In alloc_space the same tower \
counts about twice as much, since each doubling asked for a new buffer and the smaller ones are gone. For \
a buffer that is filled to the same height each time, this is what one wants; after an exception the fix \
is one line: `events.shrink_to_fit()`, `mem::take(&mut events)` or `events = Vec::new()` give it back.",
    is_core: true,
    size: Size { default: 64, unit: "MiB of events" },
    leaks: &["leaky", "clear"],
    fixes: &["shrink", "take", "new"],
    run,
};

/// A power of two, so that the buffer, which grows by doubling, fits `--size` in powers of two.
const EVENT_BYTES: usize = 64;

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
            "clear" => self.events.clear(),
            "shrink" => {
                self.events.truncate(0);
                self.events.shrink_to_fit();
            }
            "take" => drop(mem::take(&mut self.events)),
            "new" => self.events = Vec::new(),
            _ => self.events.truncate(0),
        }
    }
}

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
