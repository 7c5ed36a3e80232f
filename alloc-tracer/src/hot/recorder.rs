//! What happens on an allocation, a free and a reallocation. The first half is inlined into the
//! hook: counters and a countdown. The second half finds the call stack and keeps the books.
//! Broken by: `tests/exact_counts.rs`, `tests/sampling_accuracy.rs`, `tests/threads.rs`.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::call_tree::{CALL_TREE, NodeId, Root};
use super::guard::Recording;
use super::live_table::{Entry, LIVE};
use super::mode::{self, IntervalId, Kind, Mode};
use super::sampler;
use super::start::Settings;
use super::thread::{self, ThreadBlock};
use super::thread_sites::ALLOCATIONS_FOR_A_PLACE;
use super::unwind::{End, Registers};

/// Notes a block that the inner allocator has just handed out.
#[inline(always)]
pub(crate) fn allocated(settings: &Settings, address: usize, size: usize) {
    match thread::current() {
        Some(block) => allocated_on(block, address, size),
        None => thread::with_block(settings, |block| match block {
            Some(block) => allocated_on(block, address, size),
            None => {
                thread::count_without_block([1, size as u64, 0, 0, 0]);
                lose_if_recording(size);
            }
        }),
    }
}

#[inline(always)]
fn allocated_on(block: &'static ThreadBlock, address: usize, size: usize) {
    block.counters.allocated(size);
    if block.allocation_needs_attention() {
        attend(block, address, size);
    }
}

/// Notes that a block is about to be given back to the inner allocator.
#[inline(always)]
pub(crate) fn freed(settings: &Settings, address: usize, size: usize) {
    let _ = forget(address);
    match thread::current() {
        Some(block) => freed_on(block, size),
        None => thread::with_block(settings, |block| match block {
            Some(block) => freed_on(block, size),
            None => thread::count_without_block([0, 0, 1, size as u64, 0]),
        }),
    }
}

#[inline(always)]
fn freed_on(block: &ThreadBlock, size: usize) {
    block.counters.freed(size);
    if block.free_needs_attention() {
        block.fold();
    }
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

/// Notes a reallocation that succeeded. The old block's record was taken out before; a new block
/// begins at this call stack.
#[inline(always)]
pub(crate) fn reallocated(settings: &Settings, old_size: usize, address: usize, size: usize) {
    match thread::current() {
        Some(block) => reallocated_on(block, old_size, address, size),
        None => thread::with_block(settings, |block| match block {
            Some(block) => reallocated_on(block, old_size, address, size),
            None => {
                thread::count_without_block([0, size as u64, 0, old_size as u64, 1]);
                lose_if_recording(size);
            }
        }),
    }
}

#[inline(always)]
fn reallocated_on(block: &'static ThreadBlock, old_size: usize, address: usize, size: usize) {
    block.counters.reallocated(old_size, size);
    if block.free_needs_attention() {
        block.fold();
    }
    if block.allocation_needs_attention() {
        attend(block, address, size);
    }
}

/// Puts a mode in force for all allocations that begin from now on. `false` if the mode needs one more
/// sampling interval than there is room for.
pub(crate) fn set_mode(mode: Mode) -> bool {
    let is_set = mode::set(mode);
    thread::attend_all();
    is_set
}

/// The second half of an allocation. The stack begins here: the first half is inlined into the program's
/// own functions where the compiler sees fit, and the first return address must be one of theirs.
#[cold]
#[inline(never)]
fn attend(block: &'static ThreadBlock, address: usize, size: usize) {
    let Some(interval) = block.attend_to_allocation(size) else { return };
    let registers = Registers::here();
    let root = if interval == IntervalId::EXACT { Root::Exact } else { Root::Sampled };
    let site = match Recording::enter() {
        Ok(recording) => site_of(&recording, block, root, registers),
        Err(mark) => root.mark(mark),
    };
    let bytes = size as u64;
    let booked = match root {
        Root::Exact => book(block, site, bytes),
        Root::Sampled => CALL_TREE
            .values(site)
            .map(|values| values.add_sample(bytes, sampler::weight(bytes, interval)))
            .is_some(),
    };
    if booked {
        keep(Entry { address, size: bytes, site, interval });
    } else {
        lose(size);
    }
}

/// Books an allocation at a site, in exact mode. `false` if memory is refused.
#[inline(always)]
fn book(block: &ThreadBlock, site: NodeId, bytes: u64) -> bool {
    if let Some(place) = block.sites.place(site) {
        place.add_allocation(bytes);
        return true;
    }
    let Some(values) = CALL_TREE.values(site) else { return false };
    if values.add_allocation(bytes) >= ALLOCATIONS_FOR_A_PLACE {
        block.sites.claim(site);
    }
    true
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

/// Puts a block's record into the table, from which everything that is in use is summed. A block that
/// finds no room is counted as lost.
fn keep(entry: Entry) {
    if !LIVE.insert(entry) {
        lose(entry.size as usize);
    }
}

static LOST_BLOCKS: AtomicU64 = AtomicU64::new(0);
static LOST_BYTES: AtomicU64 = AtomicU64::new(0);
static TOO_DEEP: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);

/// A thread without a block draws no samples: what it allocates cannot be recorded in any mode.
fn lose_if_recording(size: usize) {
    if mode::current().kind() != Kind::Off {
        lose(size);
    }
}

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
