//! What happens on an allocation, a free and a reallocation. The first half is inlined into the
//! hook: counters and a countdown. The second half finds the call stack and keeps the books.
//! Broken by: `tests/exact_counts.rs`, `tests/sampling_accuracy.rs`, `tests/threads.rs`.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::call_tree::{CALL_TREE, NodeId, Root};
use super::counters::STRAY;
use super::guard::Recording;
use super::live_table::{Entry, LIVE};
use super::mode::{self, IntervalId, Kind};
use super::sampler;
use super::start::Settings;
use super::thread::{self, ThreadBlock};
use super::unwind::{End, Registers};

/// Notes a block that the inner allocator has just handed out.
#[inline(always)]
pub(crate) fn allocated(settings: &Settings, address: usize, size: usize) {
    match thread::current() {
        Some(block) => allocated_on(block, address, size),
        None => thread::with_block(settings, |block| match block {
            Some(block) => allocated_on(block, address, size),
            None => {
                STRAY.add_shared([1, size as u64, 0, 0, 0]);
                lose(size);
            }
        }),
    }
}

#[inline(always)]
fn allocated_on(block: &'static ThreadBlock, address: usize, size: usize) {
    block.counters.allocated(size);
    block.live_changed(size as i64);
    if is_due(block, size) {
        record(block, address, size, Registers::here());
    }
}

/// Notes that a block is about to be given back to the inner allocator.
#[inline(always)]
pub(crate) fn freed(settings: &Settings, address: usize, size: usize) {
    if let Some(entry) = forget(address) {
        close(entry);
    }
    match thread::current() {
        Some(block) => freed_on(block, size),
        None => thread::with_block(settings, |block| match block {
            Some(block) => freed_on(block, size),
            None => STRAY.add_shared([0, 0, 1, size as u64, 0]),
        }),
    }
}

#[inline(always)]
fn freed_on(block: &ThreadBlock, size: usize) {
    block.counters.freed(size);
    block.live_changed((size as i64).wrapping_neg());
}

/// Takes a block's record out, before the inner allocator may hand its address out again.
#[inline(always)]
pub(crate) fn forget(address: usize) -> Option<Entry> {
    if LIVE.may_hold(address) { LIVE.remove(address) } else { None }
}

/// Puts back the record of a block that the inner allocator refused to reallocate.
#[inline(always)]
pub(crate) fn put_back(entry: Option<Entry>) {
    if let Some(entry) = entry {
        keep(entry);
    }
}

/// Notes a reallocation that succeeded: the old block ends, a new one begins at this call stack.
#[inline(always)]
pub(crate) fn reallocated(
    settings: &Settings,
    old: Option<Entry>,
    old_size: usize,
    address: usize,
    size: usize,
) {
    if let Some(entry) = old {
        close(entry);
    }
    match thread::current() {
        Some(block) => reallocated_on(block, old_size, address, size),
        None => thread::with_block(settings, |block| match block {
            Some(block) => reallocated_on(block, old_size, address, size),
            None => {
                STRAY.add_shared([0, size as u64, 0, old_size as u64, 1]);
                lose(size);
            }
        }),
    }
}

#[inline(always)]
fn reallocated_on(block: &'static ThreadBlock, old_size: usize, address: usize, size: usize) {
    block.counters.reallocated(old_size, size);
    block.live_changed((size as i64).wrapping_sub(old_size as i64));
    if is_due(block, size) {
        record(block, address, size, Registers::here());
    }
}

/// Whether this allocation is recorded, or the mode has changed.
#[inline(always)]
fn is_due(block: &ThreadBlock, size: usize) -> bool {
    let gap = block.gap_bytes.load(Relaxed).wrapping_sub(size as i64);
    block.gap_bytes.store(gap, Relaxed);
    gap < 0 || block.seen_mode.load(Relaxed) != mode::current().0
}

/// The second half of an allocation.
#[cold]
#[inline(never)]
fn record(block: &'static ThreadBlock, address: usize, size: usize, registers: Registers) {
    let mode = mode::current();
    let changed = block.seen_mode.swap(mode.0, Relaxed) != mode.0;
    let (root, interval) = match mode.kind() {
        Kind::Off => {
            block.gap_bytes.store(i64::MAX, Relaxed);
            return;
        }
        Kind::Exact => {
            block.gap_bytes.store(-1, Relaxed);
            (Root::Exact, IntervalId::EXACT)
        }
        Kind::Sampled(interval) => {
            let draw = || sampler::draw_gap_bytes(block.next_random(), mode::interval_bytes(interval));
            if changed {
                // The gap was drawn for another mode; this block decides by a gap of its own.
                let gap = draw().wrapping_sub(size as i64);
                block.gap_bytes.store(gap, Relaxed);
                if gap >= 0 {
                    return;
                }
            }
            block.gap_bytes.store(draw(), Relaxed);
            (Root::Sampled, interval)
        }
    };
    let site = match Recording::enter() {
        Ok(recording) => site_of(&recording, block, root, registers),
        Err(mark) => root.mark(mark),
    };
    let size = size as u64;
    if let Some(values) = CALL_TREE.values(site) {
        match root {
            Root::Exact => values.add_allocation(size),
            Root::Sampled => values.add_sample(size, sampler::weight(size, interval)),
        }
        keep(Entry { address, size, site, interval });
    } else {
        lose(size as usize);
    }
}

/// The site of the calling stack.
fn site_of(recording: &Recording, block: &'static ThreadBlock, root: Root, registers: Registers) -> NodeId {
    // SAFETY: the block belongs to this thread, and `recording` says that nothing else on this
    // thread uses its walk space.
    let space = unsafe { &mut *block.walk_space() };
    let (site, end) = space.site(recording, registers, block.stack_bounds(), root);
    match end {
        End::Complete => {}
        End::TooDeep => {
            TOO_DEEP.fetch_add(1, Relaxed);
        }
        End::Lost => {
            LOST.fetch_add(1, Relaxed);
        }
    }
    site
}

/// Books the end of a recorded block. What is live under sampling is read from the table itself.
fn close(entry: Entry) {
    if entry.interval == IntervalId::EXACT
        && let Some(values) = CALL_TREE.values(entry.site)
    {
        values.add_free(entry.size);
    }
}

/// Puts a block's record into the table. If that fails, the block is booked as freed at once and
/// counted as lost: inuse never holds a block whose end would not be seen.
fn keep(entry: Entry) {
    if !LIVE.insert(entry) {
        close(entry);
        lose(entry.size as usize);
    }
}

static LOST_BLOCKS: AtomicU64 = AtomicU64::new(0);
static LOST_BYTES: AtomicU64 = AtomicU64::new(0);
static TOO_DEEP: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);

fn lose(size: usize) {
    LOST_BLOCKS.fetch_add(1, Relaxed);
    LOST_BYTES.fetch_add(size as u64, Relaxed);
}

/// What could not be recorded, or only in part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
    pub(crate) stacks_too_deep: u64,
    pub(crate) stacks_lost: u64,
}

/// The losses since the program started.
pub(crate) fn losses() -> Losses {
    Losses {
        blocks: LOST_BLOCKS.load(Relaxed),
        bytes: LOST_BYTES.load(Relaxed),
        stacks_too_deep: TOO_DEEP.load(Relaxed),
        stacks_lost: LOST.load(Relaxed),
    }
}
