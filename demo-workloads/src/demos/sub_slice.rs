//! A `Bytes` slice of a few bytes keeps the whole message.
//!
//! What leaks: an index keeps a 100-byte id of each message as `Bytes::slice`; each id shares its
//! message's buffer and keeps all of it. inuse_space must show the buffers under `receive_message`
//! and `BytesMut::reserve`, not under `MessageIndex::remember`, which allocates next to nothing:
//! the place that allocates is not the place that keeps. Broken by: `tests/demos/sub_slice.rs`.

use std::io;

use bytes::{Bytes, BytesMut};

use alloc_tracer::size::Count;

use super::{Demo, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "sub-slice",
    keeps: "ids of 100 bytes, kept as slices of `Bytes`, keep the whole messages",
    explanation: "\
A service receives large messages, handles them and keeps only the first 100 bytes of each, the id, in an \
index. `Bytes::slice` copies nothing: the id shares the message's buffer, and as long as one id lives, the \
whole buffer does. In inuse_space the wide tower is `receive_message` down to `BytesMut::reserve` and the \
vector's growth: full message buffers, long after the messages were handled. The code that keeps them, \
`MessageIndex::remember`, is hardly to be seen, because it allocates almost nothing; so ask who still has \
a slice of what the tower allocated. alloc_space counts about twice as much, as each buffer grew by \
doubling while it was received, and it looks the same once the leak is fixed: traffic is not the leak. The \
fix is to copy what is small and kept: `Bytes::copy_from_slice(&message[..100])`.",
    is_core: true,
    size: Size { default: 16, unit: "MiB in each of 4 messages" },
    leaks: &["leaky", "split-to"],
    fixes: &["copy"],
    run,
};

const MESSAGES: usize = 4;
const ID_BYTES: usize = 100;
/// What one read from a socket yields; a power of two, so that doubling buffers fit `--size`.
const READ_BYTES: usize = 64 << 10;

#[derive(Default)]
struct MessageIndex {
    ids: Vec<Bytes>,
}

impl MessageIndex {
    fn remember(&mut self, mut message: Bytes, variant: &str) {
        let id = match variant {
            "copy" => Bytes::copy_from_slice(&message[..ID_BYTES]),
            "split-to" => message.split_to(ID_BYTES),
            _ => message.slice(..ID_BYTES),
        };
        self.ids.push(id);
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
    Ok(Box::new(index))
}
