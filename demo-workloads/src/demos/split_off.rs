//! `split_off` leaves the head in the whole's buffer and gives the tail another.
//!
//! Kept: the buffer of a whole upload, by a header of 1,024 bytes; with the body's own buffer, twice the upload.
//! Why: `split_off(at)` moves what comes after `at` into a new, exact buffer and keeps what comes before it, however
//! little, in the old one, which keeps its capacity. `split_off(0)` is no exception (`zero`): it copies everything, and
//! the empty head holds as much as the tail. Source: `Vec::split_off` of Rust 1.95, `library/alloc/src/vec/mod.rs`.
//! `split_at` copies nothing: whoever wants the small part for longer has to keep the whole vector.
//! inuse_space: two towers of the same width: `receive_upload`, the buffer that the header now fills to a
//! fraction, and `UploadStore::store` down to `Vec::split_off`, the body. With `split-at` the first one alone,
//! although no body is kept.
//! alloc_space: the same two towers; where the leak is fixed, what was given back is still here. The narrow tower
//! `small_upload` and its `split_off` are the table that each run prints first, for other places to split at.
//! Fix: take the small part out: `upload.drain(..HEADER_BYTES).collect()`, which leaves the body where it is (`drain`);
//! `header.shrink_to_fit()` after the split (`shrink`); `mem::take` instead of `split_off(0)` (`take`); `to_vec()` of
//! the half that `split_at` borrowed (`to-vec`).
//! Broken by: `tests/demos/split_off.rs`.

use std::io;
use std::mem;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "split-off",
    row: "T3",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 64, unit: "MiB of an upload" },
    leaks: &["leaky", "zero", "split-at"],
    fixes: &["shrink", "drain", "take", "to-vec"],
    source: include_str!("split_off.rs"),
    run,
};

const HEADER_BYTES: usize = 1024;
/// The uploads of the table are this part of the one that is kept.
const OF_THE_SIZE: usize = 64;

// The core.
#[derive(Default)]
struct UploadStore {
    header: Vec<u8>,
    body: Vec<u8>,
}

impl UploadStore {
    // Never inlined, like the other one: these frames are the ones that the pictures must name.
    #[inline(never)]
    fn store(&mut self, mut upload: Vec<u8>, variant: &str) {
        match variant {
            // The header is read, everything goes to the body, and the emptied vector stays for the next upload.
            "zero" => {
                self.body = upload.split_off(0); // leak
                self.header = upload;
            }
            "take" => self.body = mem::take(&mut upload), // fix
            // The body is read and not kept.
            "split-at" => {
                let (_header, _body) = upload.split_at(HEADER_BYTES);
                self.header = upload; // leak
            }
            "to-vec" => {
                let (header, _body) = upload.split_at(HEADER_BYTES);
                self.header = header.to_vec(); // fix
            }
            "drain" => {
                self.header = upload.drain(..HEADER_BYTES).collect(); // fix
                self.body = upload;
            }
            _ => {
                self.body = upload.split_off(HEADER_BYTES); // leak
                self.header = upload;
                if variant == "shrink" {
                    self.header.shrink_to_fit(); // fix
                }
            }
        }
    }
}

#[inline(never)]
fn receive_upload(content_length: usize) -> Vec<u8> {
    let mut upload = Vec::with_capacity(content_length);
    upload.resize(content_length, 7);
    upload
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let upload_bytes = size << 20;
    print_places_to_split_at(upload_bytes / OF_THE_SIZE, ledger)?;

    let upload = receive_upload(upload_bytes);
    ledger.line(format_args!("upload received:"), "held by the program")?;
    let mut store = UploadStore::default();
    store.store(upload, variant);
    for (part, bytes) in [("header", &store.header), ("body", &store.body)] {
        let (len, capacity) = (Count::from(bytes.len()), Count::from(bytes.capacity()));
        ledger.say(format_args!("{part:<6} {len:>11} bytes in a buffer of {capacity:>11}"))?;
    }
    let exactly = Count(ledger.held_bytes() as i64);
    ledger.line(format_args!("upload stored, {exactly} bytes:"), "held by the program")?;
    Ok(Box::new(store))
}

/// What `split_off` makes of a small upload at several places.
fn print_places_to_split_at(upload_bytes: usize, ledger: &mut Ledger) -> io::Result<()> {
    let whole = Bytes::unsigned(upload_bytes as u64);
    ledger.say(format_args!("split_off of {whole}, by where it splits:"))?;
    let [at, capacity] = ["at", "capacity"];
    let [head, tail] = ["head: length", "tail: length"];
    ledger.say(format_args!("{at:>9} {head:>13} {capacity:>9} {tail:>13} {capacity:>9} {:>9}", "held"))?;
    for at in [0, HEADER_BYTES, upload_bytes / 2, upload_bytes] {
        let mut head = small_upload(upload_bytes);
        let tail = head.split_off(at);
        let held = Bytes::unsigned(ledger.held_bytes());
        let [at, len, capacity, tail_len, tail_capacity] =
            [at, head.len(), head.capacity(), tail.len(), tail.capacity()].map(Count::from);
        ledger.say(format_args!(
            "{at:>9} {len:>13} {capacity:>9} {tail_len:>13} {tail_capacity:>9} {held:>9}"
        ))?;
    }
    Ok(())
}

#[inline(never)]
fn small_upload(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}
