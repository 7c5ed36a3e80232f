//! How a block is asked of the inner allocator, so that its free learns for almost nothing whether it
//! was recorded. Three ways, which the free can tell apart by the block's layout and address alone:
//!
//! - *tagged*: eight bytes more than were asked for. Behind the block stands a tag that names its site
//!   (`tag.rs`). All small blocks of a process that starts in exact mode.
//! - *set apart*: a sampled small block has an address that is a multiple of 512, which others seldom
//!   have, so a free looks into the table only where the address says so.
//! - *as asked*: all others. Frees of large blocks look into the table; they are few.
//!
//! The pointers stay the inner allocator's own. Broken by: `tests/inner_allocators.rs`, `tests/c_blocks.rs`.

use core::alloc::Layout;

use super::mode::{self, IntervalId, Mode};
use crate::sys::atomics::{
    AtomicBool, AtomicU8, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
};

/// Blocks below this many bytes are small. A thread attends to every free of a larger one.
pub(crate) const LARGE_BYTES: usize = 32 << 10;

/// The alignment of sampled small blocks. A larger one is seldomer met by chance, but an allocator takes it
/// from a larger block: glibc merges all its small free blocks (`malloc_consolidate`) for each of 1 KiB.
const APART_BYTES: usize = 512;

/// Where samples lie closer together, what lies idle around them would be more than 2 % of a heap: sampled
/// blocks then stay where they are, and every free looks into the table.
const SPARSE_INTERVAL_BYTES: u64 = 32 << 10;

/// Blocks with a larger alignment have no tag: most of them fill whole pages.
const MAX_TAGGED_ALIGN: usize = 64;

pub(crate) const TAG_BYTES: usize = 8;

const UNDECIDED: u8 = 0;
const WITHOUT_TAGS: u8 = 1;
const WITH_TAGS: u8 = 2;

/// Settled before the first block is handed out, for the life of the process: an allocator that is told
/// a block's size when it is freed must be told the same one as at the allocation.
static TAGS: AtomicU8 = AtomicU8::new(UNDECIDED);

/// Settles whether small blocks are tagged, and what `decide` needs for it; the first answer counts.
pub(crate) fn settle(decide: impl FnOnce() -> bool) {
    if TAGS.load(Acquire) == UNDECIDED {
        let choice = if decide() { WITH_TAGS } else { WITHOUT_TAGS };
        // Fails if another thread, or a signal handler, has settled it meanwhile: that one counts.
        let _ = TAGS.compare_exchange(UNDECIDED, choice, Release, Relaxed);
    }
}

/// Whether small blocks are tagged in this process.
#[inline(always)]
pub(crate) fn has_tags() -> bool {
    TAGS.load(Acquire) == WITH_TAGS
}

/// Whether an address says that a small block there may be a sampled one.
#[inline(always)]
pub(crate) fn is_apart(address: usize) -> bool {
    address.is_multiple_of(APART_BYTES)
}

/// A block's layout with room for its tag, if blocks like this one have one.
#[inline(always)]
pub(crate) fn with_tag(layout: Layout) -> Option<Layout> {
    let is_tagged = has_tags() && layout.size() < LARGE_BYTES && layout.align() <= MAX_TAGGED_ALIGN;
    // SAFETY: the alignment comes from a layout; a size below 32 KiB with 8 bytes more does not overflow.
    is_tagged.then(|| unsafe {
        Layout::from_size_align_unchecked(layout.size().wrapping_add(TAG_BYTES), layout.align())
    })
}

/// The layout that a block sampled at this interval has if it is set apart.
pub(crate) fn set_apart(layout: Layout, interval: IntervalId) -> Option<Layout> {
    let is_apart = can_be_apart(layout) && is_sparse(mode::interval_bytes(interval));
    // SAFETY: the alignment is a power of two; a size below 32 KiB does not overflow when it is rounded up.
    is_apart.then(|| unsafe { Layout::from_size_align_unchecked(layout.size(), APART_BYTES) })
}

/// Whether a block with this layout may be one that was set apart, as far as layout and address say.
#[inline(always)]
pub(crate) fn may_be_apart(address: usize, layout: Layout) -> bool {
    can_be_apart(layout) && is_apart(address)
}

#[inline(always)]
fn can_be_apart(layout: Layout) -> bool {
    !has_tags() && layout.size() < LARGE_BYTES && layout.align() < APART_BYTES
}

/// Whether blocks sampled at this interval are set apart.
fn is_sparse(interval_bytes: u64) -> bool {
    interval_bytes >= SPARSE_INTERVAL_BYTES
}

/// Set for ever by the first mode whose blocks stand where any block may stand.
static EVERY_FREE_LOOKS: AtomicBool = AtomicBool::new(false);

/// Whether blocks may be in the table, or have tags, that neither their size nor their address betrays.
pub(crate) fn every_free_looks() -> bool {
    EVERY_FREE_LOOKS.load(SeqCst) || has_tags()
}

/// Makes it so; `false` if it was so before. Threads that have their limits already must be told.
pub(crate) fn look_at_every_free() -> bool {
    !EVERY_FREE_LOOKS.swap(true, SeqCst)
}

/// Whether a mode records small blocks that have neither a tag nor are set apart.
pub(crate) fn needs_every_free(mode: Mode) -> bool {
    match mode {
        Mode::Off => false,
        Mode::Sampled { interval_bytes } => !is_sparse(interval_bytes),
        Mode::Exact => true,
    }
}
