//! The states of all threads together: their sums, the peak, and what a change tells every one of them. Readers
//! see each thread at some moment. Broken by: `tests/threads.rs`, `tests/under_load.rs`.

use super::counters::{Counters, STRAY};
use super::thread;
use super::thread_sites::ThreadSites;
use crate::sys::atomics::{AtomicI64, Ordering::Relaxed, Ordering::SeqCst};

/// Sum of what all threads have folded, and the most it has been.
static FOLDED_LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static PEAK_BYTES: AtomicI64 = AtomicI64::new(0);

/// The counters of all threads that ever were, and those of threads that got no block.
pub(crate) fn all_counters() -> impl Iterator<Item = &'static Counters> {
    thread::blocks().map(|block| &block.counters).chain([&STRAY])
}

/// The shares of all threads that ever were in the counts of sites.
pub(crate) fn all_sites() -> impl Iterator<Item = &'static ThreadSites> {
    thread::blocks().map(|block| &block.sites)
}

pub(super) fn fold_bytes(change: i64) {
    let live = FOLDED_LIVE_BYTES.fetch_add(change, Relaxed).wrapping_add(change);
    PEAK_BYTES.fetch_max(live, Relaxed);
}

/// Counts an operation of a thread that could get no block: allocations, allocated bytes, frees, freed
/// bytes, reallocations.
pub(crate) fn count_without_block(amounts: [u64; 5]) {
    let [_, allocated, _, freed, _] = amounts;
    STRAY.add_shared(amounts);
    fold_bytes(allocated.wrapping_sub(freed).cast_signed());
}

/// Makes every thread attend to all its frees from now on.
pub(crate) fn attend_every_free() {
    for block in thread::blocks() {
        block.freed_limit.store(0, SeqCst);
    }
}

/// Makes every thread attend to its next allocation: the mode has changed.
pub(crate) fn attend_all() {
    for block in thread::blocks() {
        block.allocated_limit.store(0, SeqCst);
    }
}

/// Live bytes now: what was folded, and what each thread has not folded yet. At rest exact; while
/// threads run, off by less than [`thread::ERROR_BYTES`] per thread.
pub(crate) fn live_bytes() -> u64 {
    let blocks = thread::blocks();
    let unfolded = blocks.map(|block| block.unfolded_bytes());
    let live = unfolded.fold(FOLDED_LIVE_BYTES.load(Relaxed), i64::wrapping_add);
    live.max(0).cast_unsigned()
}

/// The most that has been live, given what is live now.
pub(crate) fn peak_bytes(live_now: u64) -> u64 {
    let live_now = live_now.min(i64::MAX as u64).cast_signed();
    PEAK_BYTES.fetch_max(live_now, Relaxed).max(live_now).cast_unsigned()
}

/// Starts the search for the peak again, from what is live now.
pub(crate) fn reset_peak() {
    PEAK_BYTES.store(live_bytes().min(i64::MAX as u64).cast_signed(), Relaxed);
}

/// The stacks of all threads that have allocated and still run; in a forked child, of its parent's threads as well.
#[cfg(feature = "profile")]
pub(crate) fn stack_ranges() -> impl Iterator<Item = core::ops::Range<usize>> {
    thread::blocks().filter_map(|block| block.stack_range())
}
