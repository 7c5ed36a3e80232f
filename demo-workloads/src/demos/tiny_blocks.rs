//! RSS is not what the program asked for: a million tiny blocks take several times their bytes.
//!
//! Kept: next to each word of an index the allocator's own bytes: a header, and room up to the smallest block there is.
//! Why: glibc hands out no block below 24 bytes and puts 8 before each; a word has a few. A pointer and a length beside
//! each, in a vector that has grown by doubling, come on top. Source: glibc, `malloc/malloc.c`, `MINSIZE`.
//! inuse_space: two towers, `WordIndex::insert` with the words and the growth of its vector: what was asked for,
//! exactly, and a fraction of RSS. The rest is "slack in glibc" in the sum of RSS, which no picture of blocks can show.
//! alloc_space: the words once, and the vector about twice, because it grew by doubling.
//! Fix: one buffer for all words and the end of each in it (`joined`): two blocks instead of a million, and no slack.
//! Broken by: `tests/demos/tiny_blocks.rs`.

use std::fmt;
use std::io;

use alloc_tracer::size::{Bytes, Count};
use alloc_tracer::{ProcessMemory, Stats};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "tiny-blocks",
    row: "A1",
    is_core: false,
    figure: Figure::InMemory,
    size: Size { default: 1_000_000, unit: "words" },
    leaks: &["leaky"],
    fixes: &["joined"],
    source: include_str!("tiny_blocks.rs"),
    run,
};

// The core.
#[derive(Default)]
struct WordIndex {
    words: Vec<Box<str>>,
}

impl WordIndex {
    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn insert(&mut self, word: &str) {
        self.words.push(word.into()); // leak
    }
}

/// The words one after another, and where each ends.
#[derive(Default)]
struct JoinedWords {
    text: String,
    ends: Vec<u32>,
}

impl JoinedWords {
    #[inline(never)]
    fn insert(&mut self, word: &str) {
        self.text.push_str(word); // fix
        self.ends.push(self.text.len() as u32);
    }
}
// End of the core.

/// Words of five letters.
fn word(number: usize) -> [u8; 5] {
    let letter = |place: u32| b'a' + (number / 26_usize.pow(place) % 26) as u8;
    [4, 3, 2, 1, 0].map(letter)
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let before = alloc_tracer::stats();
    let (mut boxed, mut joined) = (WordIndex::default(), JoinedWords::default());
    for number in 0..size {
        let word = word(number);
        let word = str::from_utf8(&word).unwrap_or_default();
        match variant {
            "joined" => joined.insert(word),
            _ => boxed.insert(word),
        }
    }
    let stats = alloc_tracer::stats();
    let words = Count::from(size);
    ledger.line(format_args!("{words} words of 5 letters:"), "held by the program")?;
    print_counts(&before, &stats, ledger)?;
    if let Ok(memory) = alloc_tracer::process_memory() {
        print_memory(&memory, &stats, ledger)?;
    }
    Ok(Box::new((boxed, joined)))
}

/// The program's side: what it asked for.
fn print_counts(before: &Stats, now: &Stats, ledger: &mut Ledger) -> io::Result<()> {
    let count = |count: u64| Count(count as i64);
    let (allocations, frees) = (now.allocations - before.allocations, now.frees - before.frees);
    let grown = now.reallocations - before.reallocations;
    ledger.say(format_args!(
        "{} allocations, {} reallocations, {} frees, {} in all",
        count(allocations),
        count(grown),
        count(frees),
        Bytes::unsigned(now.total_bytes - before.total_bytes)
    ))
}

/// A figure that some allocators do not tell.
struct Told(Option<u64>);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => Bytes::unsigned(bytes).fmt(f),
            None => f.pad("(not told)"),
        }
    }
}

/// The allocator's and the system's side.
fn print_memory(memory: &ProcessMemory, stats: &Stats, ledger: &mut Ledger) -> io::Result<()> {
    let bytes = Bytes::unsigned;
    ledger.this_run(format_args!(
        "peak {} live (within {})",
        bytes(stats.peak_live_bytes),
        bytes(stats.peak_error_bytes)
    ))?;
    if let Some(allocator) = memory.allocator {
        ledger.this_run(format_args!(
            "{}: {} from the system, {} in use, {} free, {} returned",
            allocator.name,
            bytes(allocator.from_system_bytes),
            Told(allocator.in_use_bytes),
            Told(allocator.free_bytes),
            Told(allocator.returned_bytes)
        ))?;
    }
    ledger.this_run(format_args!(
        "process: RSS {}, PSS {}, swap {}, peak {}, anonymous {}, stacks {}",
        bytes(memory.resident_bytes),
        bytes(memory.proportional_bytes),
        bytes(memory.swapped_bytes),
        bytes(memory.peak_resident_bytes),
        bytes(memory.anonymous_bytes),
        bytes(memory.stack_bytes)
    ))
}
