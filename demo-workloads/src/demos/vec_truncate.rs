//! `truncate`, `clear`, `drain` and `pop` empty a `Vec` and keep its buffer.
//!
//! Kept: the buffer of one night's backlog, in an event batch that was sent and emptied to be used again.
//! Why: `truncate`, `clear`, `drain` and `pop` set the length and leave the buffer alone. Where it is filled to the
//! same height each time that is what one wants; after an exception it decides what the batch holds for ever.
//! inuse_space: one tower fills the width, `EventBatch::push` down to `RawVec::grow_one`: a single block, the
//! buffer at its largest size, for no event at all.
//! alloc_space: the same tower, twice as much, since each doubling asked for a new buffer and the smaller
//! ones are gone; it looks the same once the leak is fixed. The narrow tower `small_batch` beside it is the table of
//! all ways of resetting that each run prints first: given back before the profile, so it is here alone.
//! Fix: one line: `events.shrink_to_fit()` (`shrink`), `mem::take(&mut events)` (`take`) or `events = Vec::new()`
//! (`new`).
//! Broken by: `tests/demos/vec_truncate.rs`.

use std::io;
use std::mem;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "vec-truncate",
    row: "T1",
    is_core: true,
    figure: Figure::Held,
    size: Size { default: 64, unit: "MiB of events" },
    leaks: &["leaky", "clear", "drain", "pop"],
    fixes: &["shrink", "take", "new"],
    source: include_str!("vec_truncate.rs"),
    run,
};

/// A power of two, so that the buffer, which grows by doubling, fits `--size` in powers of two.
const EVENT_BYTES: usize = 64;
/// The batches of the table are this part of the batch that stays.
const OF_THE_SIZE: usize = 64;

/// The variants, and the code that each stands for.
const RESETS: [(&str, &str); 7] = [
    ("leaky", "truncate(0)"),
    ("clear", "clear()"),
    ("drain", "drain(..)"),
    ("pop", "pop() until None"),
    ("shrink", "truncate(0) and shrink_to_fit()"),
    ("take", "mem::take(&mut events)"),
    ("new", "events = Vec::new()"),
];

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
            "clear" => self.events.clear(),                  // leak
            "drain" => self.events.drain(..).for_each(drop), // leak
            "pop" => while self.events.pop().is_some() {},   // leak
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
    let events = (size << 20) / EVENT_BYTES;
    print_resets_side_by_side(events / OF_THE_SIZE, ledger)?;

    let mut batch = EventBatch::default();
    for number in 0..events {
        batch.push(Event { payload: [number as u8; EVENT_BYTES] });
    }
    let collected = Count::from(batch.events.len());
    ledger.line(format_args!("{collected} events collected:"), "held by the program")?;

    std::hint::black_box(batch.send());
    batch.reset(variant);
    let left = Count::from(batch.events.len());
    let code = RESETS.iter().find(|(name, _)| *name == variant).map_or(variant, |(_, code)| code);
    let still = if DEMO.leaks.contains(&variant) { " still" } else { "" };
    ledger.line(format_args!("batch sent, after {code}: {left} events,{still}"), "")?;
    Ok(Box::new(batch))
}

/// All ways on a small batch each: what is left of it, and what it still holds.
fn print_resets_side_by_side(events: usize, ledger: &mut Ledger) -> io::Result<()> {
    let batch_bytes = Bytes::unsigned((events * EVENT_BYTES) as u64);
    ledger.say(format_args!("every way of resetting, side by side, on a batch of {batch_bytes}:"))?;
    ledger.say(format_args!("{:<31} {:>6} {:>9} {:>9}", "reset by", "events", "capacity", "held"))?;
    for (variant, code) in RESETS {
        let mut batch = small_batch(events);
        batch.reset(variant);
        let held = Bytes::unsigned(ledger.held_bytes());
        let (left, capacity) = (Count::from(batch.events.len()), Count::from(batch.events.capacity()));
        ledger.say(format_args!("{code:<31} {left:>6} {capacity:>9} {held:>9}"))?;
    }
    Ok(())
}

#[inline(never)]
fn small_batch(events: usize) -> EventBatch {
    EventBatch { events: (0..events).map(|number| Event { payload: [number as u8; EVENT_BYTES] }).collect() }
}
