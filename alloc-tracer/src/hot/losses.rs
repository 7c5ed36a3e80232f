//! What could not be recorded, or only in part, as numbers for the report. Broken by:
//! `tests/own_memory_cap.rs`, `tests/fork.rs`.

use super::unwind::End;
use crate::sys::atomics::{AtomicU64, Ordering::Relaxed};

/// What could not be recorded, or only in part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
    pub(crate) stacks_too_deep: u64,
    pub(crate) stacks_lost: u64,
}

static BLOCKS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static TOO_DEEP: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);

/// Counts a block that should have been recorded and could not be.
#[cold]
pub(crate) fn lose(size: usize) {
    BLOCKS.fetch_add(1, Relaxed);
    BYTES.fetch_add(size as u64, Relaxed);
}

/// Counts a stack that is not whole.
#[inline(always)]
pub(crate) fn note_end(end: End) {
    match end {
        End::Complete => {}
        End::TooDeep => count(&TOO_DEEP),
        End::Lost => count(&LOST),
    }
}

#[cold]
fn count(stacks: &AtomicU64) {
    stacks.fetch_add(1, Relaxed);
}

/// The losses since the program started.
pub(crate) fn losses() -> Losses {
    Losses {
        blocks: BLOCKS.load(Relaxed),
        bytes: BYTES.load(Relaxed),
        stacks_too_deep: TOO_DEEP.load(Relaxed),
        stacks_lost: LOST.load(Relaxed),
    }
}
