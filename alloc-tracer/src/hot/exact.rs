//! The common case of a process that starts in exact mode, on the shortest way: a small block, which has
//! a tag, on a thread that has its state, at the call stack of the thread's last allocation. Everything
//! else goes through `recorder`. Broken by: `tests/exact_counts.rs`, `tests/c_blocks.rs`.

use core::alloc::Layout;

use super::guard::Recording;
use super::mode::{self, Kind};
use super::placement;
use super::tag::TagPlace;
use super::thread::{self, ThreadBlock};
use super::unwind::Registers;

/// A small block of a thread that has its state.
#[derive(Clone, Copy)]
pub(crate) struct SmallBlock {
    thread: &'static ThreadBlock,
    /// The layout with room for the tag.
    layout: Layout,
}

impl SmallBlock {
    /// A block that is to be allocated with this layout, if it is of the common case.
    #[inline(always)]
    pub(crate) fn to_allocate(asked: Layout) -> Option<SmallBlock> {
        if mode::current().kind() == Kind::Exact { SmallBlock::to_free(asked) } else { None }
    }

    /// A block that is to be freed with this layout, if it may be of the common case.
    #[inline(always)]
    pub(crate) fn to_free(asked: Layout) -> Option<SmallBlock> {
        Some(SmallBlock { layout: placement::with_tag(asked)?, thread: thread::current()? })
    }

    /// What the inner allocator is to be told.
    #[inline(always)]
    pub(crate) fn layout(self) -> Layout {
        self.layout
    }

    /// Counts an allocation, and records it if it comes from the call stack of the thread's last one.
    /// Otherwise `false`: [`recorder::record_small`] goes on.
    ///
    /// # Safety
    /// The inner allocator returned `block` for [`layout`](Self::layout); the program asked for `size`
    /// bytes, and does not have the block yet.
    #[inline(always)]
    pub(crate) unsafe fn allocated_again(self, block: *mut u8, size: usize, registers: Registers) -> bool {
        let SmallBlock { thread, .. } = self;
        thread.counters.allocated(size);
        // SAFETY: by this function's contract.
        let Some(tag) = (unsafe { TagPlace::behind(block, size) }) else { return false };
        let Some(recording) = Recording::enter_uncounted() else { return false };
        // SAFETY: the block belongs to this thread, and `recording` says that nothing else on this
        // thread uses its walk space.
        let space = unsafe { &*thread.walk_space() };
        let Some((site, place)) = space.same_site(&recording, registers) else { return false };
        place.add_allocation(size as u64);
        // SAFETY: the block was asked for with room for its tag.
        unsafe { tag.write(site) };
        drop(recording);
        thread.after_exact_allocation();
        true
    }

    /// The thread that allocates or frees.
    #[inline(always)]
    pub(crate) fn thread(self) -> &'static ThreadBlock {
        self.thread
    }

    /// Counts the free of a tagged block and books it, if the thread counts for the block's site itself
    /// and nothing else is due. Otherwise `false`, and nothing is done.
    ///
    /// # Safety
    /// The block is allocated with `size` bytes, by the hook or, with at least as many bytes, by somebody
    /// else, and belongs to the caller.
    #[inline(always)]
    pub(crate) unsafe fn freed(self, block: *mut u8, size: usize) -> bool {
        let SmallBlock { thread, .. } = self;
        // SAFETY: by this function's contract.
        let Some(tag) = (unsafe { TagPlace::behind(block, size) }) else { return false };
        // SAFETY: as above.
        let Some(site) = (unsafe { tag.site() }) else { return false };
        // A block that was not recorded has a tag without a place.
        let Some(place) = thread.sites.place(site) else { return false };
        if thread.free_needs_fold(size) {
            return false;
        }
        // SAFETY: the tag is there.
        unsafe { tag.remove(site) };
        thread.counters.freed(size);
        place.add_free(size as u64);
        true
    }
}
