//! A range of an `Arc<[u8]>` keeps the whole slice.
//!
//! Kept: every log segment in full, by an index that keeps three lines of 100 bytes of each.
//! Why: an `Arc<[u8]>` is one block, both reference counts and all bytes. A view made of a clone and a range copies
//! nothing and owns the whole block: no part of it can be given back. `Arc<str>` (`arc-str`) and `Rc<[u8]>` (`rc`) are
//! alike, and one view keeps as much as three.
//! inuse_space: one tower fills the width, `read_segment` down to the `From<Vec>` of `Arc`: segments in full. The
//! index, which keeps them, has next to nothing in `ErrorIndex::remember`; the reference count says how many views hold
//! a segment.
//! alloc_space: twice as much, because `Arc::from(vec)` copies: the counts must stand in front of the bytes. It looks
//! the same once the leak is fixed.
//! Fix: copy what is small and kept: `Arc::from(&segment[range])` (`copy`), or `Box::from` where nobody shares it
//! (`boxed`).
//! Broken by: `tests/demos/arc_range.rs`.

use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use alloc_tracer::size::Count;

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "arc-range",
    row: "S2",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 16, unit: "MiB in each of 4 segments" },
    leaks: &["leaky", "arc-str", "rc"],
    fixes: &["copy", "boxed"],
    source: include_str!("arc_range.rs"),
    run,
};

const SEGMENTS: usize = 4;
const LINE_BYTES: usize = 100;
/// What the log repeats. A power of two of bytes, so that whole pieces of it make a MiB.
const LOGGED: &str = "12:00:00.000 ERROR connection reset by peer 203.0.113.7:49152  \n";
const _: () = assert!(LOGGED.len() == 64);
/// The lines of a segment that report an error: its first three.
const ERRORS: usize = 3;

// The core.
#[derive(Clone)]
enum Segment {
    Bytes(Arc<[u8]>),
    Text(Arc<str>),
    Local(Rc<[u8]>),
}

enum ErrorLine {
    View { segment: Segment, range: Range<usize> },
    Shared(Arc<[u8]>),
    Owned(Box<[u8]>),
}

#[derive(Default)]
struct ErrorIndex {
    lines: Vec<ErrorLine>,
}

impl ErrorIndex {
    #[inline(never)]
    fn remember(&mut self, segment: &Segment, range: Range<usize>, variant: &str) {
        self.lines.push(match variant {
            "copy" => ErrorLine::Shared(Arc::from(&segment.bytes()[range])), // fix
            "boxed" => ErrorLine::Owned(Box::from(&segment.bytes()[range])), // fix
            _ => ErrorLine::View { segment: segment.clone(), range },        // leak
        });
    }
}

// Never inlined: this frame is the one that the pictures must name.
#[inline(never)]
fn read_segment(segment_bytes: usize, variant: &str) -> Segment {
    let text = LOGGED.repeat(segment_bytes / LOGGED.len());
    match variant {
        "arc-str" => Segment::Text(Arc::from(text)),
        "rc" => Segment::Local(Rc::from(text.into_bytes())),
        _ => Segment::Bytes(Arc::from(text.into_bytes())),
    }
}
// End of the core.

impl Segment {
    fn bytes(&self) -> &[u8] {
        match self {
            Segment::Bytes(bytes) => bytes,
            Segment::Text(text) => text.as_bytes(),
            Segment::Local(bytes) => bytes,
        }
    }

    fn holders(&self) -> usize {
        match self {
            Segment::Bytes(bytes) => Arc::strong_count(bytes),
            Segment::Text(text) => Arc::strong_count(text),
            Segment::Local(bytes) => Rc::strong_count(bytes),
        }
    }
}

impl ErrorLine {
    fn bytes(&self) -> &[u8] {
        match self {
            ErrorLine::View { segment, range } => &segment.bytes()[range.clone()],
            ErrorLine::Shared(line) => line,
            ErrorLine::Owned(line) => line,
        }
    }
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut index = ErrorIndex::default();
    for number in 0..SEGMENTS {
        let segment = read_segment(size << 20, variant);
        if number == 0 {
            let size = Count::from(size);
            ledger.line(format_args!("segment 1 of {SEGMENTS}, {size} MiB, read:"), "held by the program")?;
        }
        for line in 0..ERRORS {
            index.remember(&segment, line * LINE_BYTES..(line + 1) * LINE_BYTES, variant);
        }
    }
    let kept = Count::from(index.lines.iter().map(|line| line.bytes().len()).sum::<usize>());
    let holders = index.lines.iter().map(|line| match line {
        ErrorLine::View { segment, .. } => segment.holders(),
        ErrorLine::Shared(_) | ErrorLine::Owned(_) => 0,
    });
    let (lines, holders) = (index.lines.len(), holders.max().unwrap_or_default());
    let still = if holders > 0 { " still" } else { "" };
    ledger.line(
        format_args!("{SEGMENTS} segments indexed, {kept} bytes of lines kept:{still}"),
        "held by the program",
    )?;
    ledger.say(format_args!(
        "holders: {lines} lines in ErrorIndex::lines, {holders} of them for each segment"
    ))?;

    // The first of the three lines of each segment stays.
    let mut number = 0;
    index.lines.retain(|_| {
        number += 1;
        number % ERRORS == 1
    });
    ledger.line(format_args!("all but one line of each segment forgotten:{still}"), "held by the program")?;
    Ok(Box::new(index))
}
