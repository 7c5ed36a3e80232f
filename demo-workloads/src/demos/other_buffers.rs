//! `clear` keeps the buffer of `String`, `VecDeque`, `BinaryHeap` and `HashSet`, as it does that of `Vec`.
//!
//! Kept: four buffers of one rush hour, in a worker that has done its work and cleared them for the next.
//! Why: each of these types owns one buffer that grows by doubling and that no removal makes smaller: `String` and
//! `BinaryHeap` are a `Vec` inside, `VecDeque` has the same buffer as a ring, `HashSet` has a hash table. Source: Rust
//! 1.95, `library/alloc/src`; hashbrown, `src/raw.rs`.
//! inuse_space: four towers, each as wide as when it was full: `Worker::write_line`, `Worker::queue_job` and
//! `Worker::set_deadline` down to the growth of `RawVec`, `Worker::note_seen` down to hashbrown's. The table is the
//! widest: a table grows past 7/8 full, so it may have more than twice as many slots as entries, and a control byte
//! each.
//! alloc_space: the same four towers, each twice as wide, since every smaller buffer on the way counts there too.
//! Fix: after the rush hour `shrink_to_fit()`, which all four have (`shrink`), or `mem::take`, which leaves a new empty
//! one (`take`).
//! Broken by: `tests/demos/other_buffers.rs`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::io;
use std::mem;

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "other-buffers",
    row: "T2",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 16, unit: "MiB of contents in each of 4 buffers" },
    leaks: &["leaky"],
    fixes: &["shrink", "take"],
    source: include_str!("other_buffers.rs"),
    run,
};

/// 64 bytes a line, so that a text of `--size` MiB fills a buffer that grows by doubling.
const LINE: &str = "2026-01-01T00:00:00Z GET /orders?from=0&to=99 200 31 bytes sent\n";
/// Jobs, deadlines and ids are numbers of eight bytes.
const ENTRY_BYTES: usize = size_of::<u64>();

// The core.
#[derive(Clone, Copy)]
enum Buffer {
    Text,
    Jobs,
    Deadlines,
    Seen,
}

#[derive(Default)]
struct Worker {
    text: String,
    jobs: VecDeque<u64>,
    deadlines: BinaryHeap<Reverse<u64>>,
    seen: HashSet<u64>,
    repeated: usize,
}

// Four are never inlined: these frames are the ones that the pictures must name.
impl Worker {
    #[inline(never)]
    fn write_line(&mut self, line: &str) {
        self.text.push_str(line);
    }

    #[inline(never)]
    fn queue_job(&mut self, job: u64) {
        self.jobs.push_back(job);
    }

    #[inline(never)]
    fn set_deadline(&mut self, second: u64) {
        self.deadlines.push(Reverse(second));
    }

    #[inline(never)]
    fn note_seen(&mut self, id: u64) {
        self.repeated += usize::from(!self.seen.insert(id));
    }

    fn clear(&mut self, buffer: Buffer) {
        match buffer {
            Buffer::Text => self.text.clear(),           // leak
            Buffer::Jobs => self.jobs.clear(),           // leak
            Buffer::Deadlines => self.deadlines.clear(), // leak
            Buffer::Seen => self.seen.clear(),           // leak
        }
    }

    fn after_the_rush_hour(&mut self, buffer: Buffer, variant: &str) {
        match (variant, buffer) {
            ("shrink", Buffer::Text) => self.text.shrink_to_fit(), // fix
            ("shrink", Buffer::Jobs) => self.jobs.shrink_to_fit(), // fix
            ("shrink", Buffer::Deadlines) => self.deadlines.shrink_to_fit(), // fix
            ("shrink", Buffer::Seen) => self.seen.shrink_to_fit(), // fix
            ("take", Buffer::Text) => drop(mem::take(&mut self.text)), // fix
            ("take", Buffer::Jobs) => drop(mem::take(&mut self.jobs)), // fix
            ("take", Buffer::Deadlines) => drop(mem::take(&mut self.deadlines)), // fix
            ("take", Buffer::Seen) => drop(mem::take(&mut self.seen)), // fix
            _ => {}
        }
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let content_bytes = size << 20;
    let last = match variant {
        "shrink" => "after shrink_to_fit()",
        "take" => "after mem::take",
        _ => "nothing after it",
    };
    let (buffer, entries, full, cleared) = ("buffer", "entries", "full", "after clear()");
    ledger.say(format_args!("{buffer:<10} {entries:>11} {full:>10} {cleared:>13} {last:>21}"))?;

    let mut worker = Worker::default();
    let buffers = [
        ("String", Buffer::Text, content_bytes / LINE.len()),
        ("VecDeque", Buffer::Jobs, content_bytes / ENTRY_BYTES),
        ("BinaryHeap", Buffer::Deadlines, content_bytes / ENTRY_BYTES),
        ("HashSet", Buffer::Seen, content_bytes / ENTRY_BYTES),
    ];
    for (name, buffer, entries) in buffers {
        let before = ledger.held_bytes();
        worker.fill(buffer, entries);
        let full = ledger.held_bytes() - before;
        worker.clear(buffer);
        let cleared = ledger.held_bytes() - before;
        worker.after_the_rush_hour(buffer, variant);
        let left = ledger.held_bytes() - before;
        let [full, cleared, left] = [full, cleared, left].map(Bytes::unsigned);
        let entries = Count::from(entries);
        ledger.say(format_args!("{name:<10} {entries:>11} {full:>10} {cleared:>13} {left:>21}"))?;
    }
    let still = if variant == "leaky" { " still" } else { "" };
    ledger.line(format_args!("the worker waits for the next rush hour:{still}"), "held by empty buffers")?;
    Ok(Box::new(worker))
}

impl Worker {
    fn fill(&mut self, buffer: Buffer, entries: usize) {
        for number in 0..entries as u64 {
            match buffer {
                Buffer::Text => self.write_line(LINE),
                Buffer::Jobs => self.queue_job(number),
                Buffer::Deadlines => self.set_deadline(number),
                Buffer::Seen => self.note_seen(number),
            }
        }
    }
}
