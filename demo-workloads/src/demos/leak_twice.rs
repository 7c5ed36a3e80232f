//! A map of slices leaks twice: by keys that nobody removes, and by the messages behind its values.
//!
//! Kept: an entry for each session that ever was, and the whole message behind each value of 16 bytes.
//! Why: two mistakes that hide each other. Nobody removes the entries of ended sessions: keys and table only grow. And
//! each value is a `Bytes::slice` of the message that it came in, which it keeps in full.
//! inuse_space: two towers, about one half each: `receive_message`, the messages; and `EtagCache::remember`, the keys
//! and, by hashbrown's growth, the table. Two towers are two findings, and each has its own fix.
//! alloc_space: the same two towers; the second is now the wider one, since the table grew by doubling.
//! Fix: `both`: remove a session's entry when it ends, and copy the value out of its message. The first alone
//! (`keys-only`) leaves every message, because one session in sixteen lives on and its slice is enough; the second
//! alone (`buffers-only`) leaves every key and the table. Both leave a sixteenth of the entries, and no message.
//! Broken by: `tests/demos/leak_twice.rs`.

use std::collections::HashMap;
use std::io;

use alloc_tracer::size::Count;
use bytes::{Bytes, BytesMut};

use super::{Demo, Figure, Held, Size};
use crate::fixed_hash::FixedHasher;
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "leak-twice",
    row: "S4",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 512, unit: "messages of 64 KiB, 256 sessions in each" },
    leaks: &["leaky"],
    fixes: &["both", "keys-only", "buffers-only"],
    source: include_str!("leak_twice.rs"),
    run,
};

const RECORDS: usize = 256;
const RECORD_BYTES: usize = 256;
const KEY_BYTES: usize = 128;
const ETAG_BYTES: usize = 16;
/// One session in so many outlives its message.
const LIVES_ON: usize = 16;

// The core.
#[derive(Default)]
struct EtagCache {
    by_session: HashMap<String, Bytes, FixedHasher>,
}

impl EtagCache {
    // Never inlined: this frame is one of the two that the pictures must name.
    #[inline(never)]
    fn remember(&mut self, record: &Bytes, copies: bool) {
        let session = String::from_utf8_lossy(&record[..KEY_BYTES]).into_owned();
        let etag = KEY_BYTES..KEY_BYTES + ETAG_BYTES;
        let etag = match copies {
            true => Bytes::copy_from_slice(&record[etag]), // fix
            false => record.slice(etag),                   // leak
        };
        self.by_session.insert(session, etag); // leak
    }

    fn session_ended(&mut self, session: &str) {
        self.by_session.remove(session); // fix
    }
}

fn handle(message: &Bytes, cache: &mut EtagCache, variant: &str) {
    let records =
        (0..RECORDS).map(|number| message.slice(number * RECORD_BYTES..(number + 1) * RECORD_BYTES));
    for record in records.clone() {
        cache.remember(&record, matches!(variant, "both" | "buffers-only"));
    }
    if matches!(variant, "both" | "keys-only") {
        for (_, record) in records.enumerate().filter(|(number, _)| number % LIVES_ON != 0) {
            cache.session_ended(&String::from_utf8_lossy(&record[..KEY_BYTES]));
        }
    }
}

#[inline(never)]
fn receive_message(sessions: &mut u64) -> Bytes {
    let mut message = BytesMut::zeroed(RECORDS * RECORD_BYTES);
    for record in message.chunks_exact_mut(RECORD_BYTES) {
        *sessions += 1;
        write_record(record, *sessions);
    }
    message.freeze()
}
// End of the core.

/// A record: the session's path, padded, then what was said about it.
fn write_record(record: &mut [u8], session: u64) {
    let (key, rest) = record.split_at_mut(KEY_BYTES);
    key.fill(b'-');
    for (digit, place) in key.iter_mut().rev().zip((0..16).map(|nibble| session >> (4 * nibble) & 15)) {
        *digit = b"0123456789abcdef"[place as usize];
    }
    rest.fill(session as u8);
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let (mut cache, mut sessions) = (EtagCache::default(), 0);
    for number in 1..=size {
        let message = receive_message(&mut sessions);
        handle(&message, &mut cache, variant);
        if number == size.div_ceil(2) || number == size {
            drop(message);
            let (number, entries) = (Count::from(number), Count::from(cache.by_session.len()));
            ledger.line(
                format_args!("{number} messages handled, {entries} sessions in the cache:"),
                "held by the program",
            )?;
        }
    }
    let sessions = Count::from(size * RECORDS);
    let live = Count::from(size * RECORDS / LIVES_ON);
    let etags = Count::from(cache.by_session.values().map(Bytes::len).sum::<usize>());
    ledger.say(format_args!("of {sessions} sessions {live} live; the cache keeps {etags} bytes of etags"))?;
    Ok(Box::new(cache))
}
