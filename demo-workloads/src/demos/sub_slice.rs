//! A `Bytes` slice of a few bytes keeps the whole message.
//!
//! Kept: every message in full, by an index that keeps an id of 100 bytes of each.
//! Why: `Bytes::slice` and `split_to` (`split-to`) copy nothing: an id shares its message's buffer, and as long as one
//! slice of it lives, the whole buffer does.
//! inuse_space: one tower fills the width, `receive_message` down to `BytesMut::reserve` and the vector's growth: full
//! message buffers. `MessageIndex::remember`, which keeps them, allocates next to nothing: the place that
//! allocates is not the place that keeps, so ask who still has a slice of what the tower allocated
//! (`Bytes::is_unique` says whether one slice is the last to hold its buffer).
//! alloc_space: about twice as much, as each buffer grew by doubling while it was received; it looks the
//! same once the leak is fixed, because traffic is not the leak.
//! Fix: copy what is small and kept: `Bytes::copy_from_slice(&message[..100])` (`copy`).
//! Broken by: `tests/demos/sub_slice.rs`.

use std::io;

use bytes::{Bytes, BytesMut};

use alloc_tracer::size::Count;

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "sub-slice",
    row: "S1",
    is_core: true,
    figure: Figure::Held,
    size: Size { default: 16, unit: "MiB in each of 4 messages" },
    leaks: &["leaky", "split-to"],
    fixes: &["copy"],
    source: include_str!("sub_slice.rs"),
    run,
};

const MESSAGES: usize = 4;
const ID_BYTES: usize = 100;
/// What one read from a socket yields; a power of two, so that doubling buffers fit `--size`.
const READ_BYTES: usize = 64 << 10;

// The core.
#[derive(Default)]
struct MessageIndex {
    ids: Vec<Bytes>,
}

impl MessageIndex {
    fn remember(&mut self, mut message: Bytes, variant: &str) {
        let id = match variant {
            "copy" => Bytes::copy_from_slice(&message[..ID_BYTES]), // fix
            "split-to" => message.split_to(ID_BYTES),               // leak
            _ => message.slice(..ID_BYTES),                         // leak
        };
        self.ids.push(id);
    }

    /// How many of the ids are the only holder of their buffer: without them it would be gone.
    fn last_holders(&self) -> usize {
        self.ids.iter().filter(|id| id.is_unique()).count()
    }
}

// Never inlined: this frame is the one that the pictures must name.
#[inline(never)]
fn receive_message(message_bytes: usize, number: usize) -> Bytes {
    let arrived = [number as u8; READ_BYTES];
    let mut buffer = BytesMut::new();
    while buffer.len() < message_bytes {
        buffer.extend_from_slice(&arrived);
    }
    buffer.freeze()
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut index = MessageIndex::default();
    for number in 0..MESSAGES {
        let message = receive_message(size << 20, number);
        if number == 0 {
            let size = Count::from(size);
            ledger.line(
                format_args!("message 1 of {MESSAGES}, {size} MiB, received:"),
                "held by the program",
            )?;
        }
        index.remember(message, variant);
    }
    let kept = Count::from(index.ids.iter().map(Bytes::len).sum::<usize>());
    let (how, still) = match variant {
        "copy" => ("copied", ""),
        "split-to" => ("kept by split_to", " still"),
        _ => ("kept as slices", " still"),
    };
    ledger.line(
        format_args!("{MESSAGES} messages handled, {kept} bytes of ids {how}:{still}"),
        "held by the program",
    )?;
    let (holders, ids) = (index.last_holders(), index.ids.len());
    ledger.say(format_args!(
        "holders: {holders} of the {ids} ids in MessageIndex::ids are the last to hold their buffer"
    ))?;
    Ok(Box::new(index))
}
