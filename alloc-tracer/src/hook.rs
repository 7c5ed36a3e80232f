//! The four methods of `GlobalAlloc`: the inner allocator's call, and the recorder before and after it. May name
//! the inner allocator and what decides and records in `hot`. Broken by: every test.

use core::alloc::{GlobalAlloc, Layout};

use crate::hot::exact::SmallBlock;
use crate::hot::mode::Mode;
use crate::hot::placement;
use crate::hot::recorder::{self, Plan};
use crate::hot::start::Settings;
use crate::hot::taken::Taken;
use crate::hot::unwind::Registers;
use crate::inner::System;

/// A global allocator that passes every call on to `A` and records which call stack asked for the
/// memory.
///
/// ```
/// use alloc_tracer::AllocTracer;
///
/// #[global_allocator]
/// static ALLOC: AllocTracer = AllocTracer::system();
///
/// let kept = vec![0_u8; 1 << 20];
/// assert!(alloc_tracer::stats().live_bytes >= 1 << 20);
/// # drop(kept);
/// ```
///
/// Around another allocator, recording every allocation:
///
/// ```
/// use alloc_tracer::AllocTracer;
/// # use std::alloc::{GlobalAlloc, Layout, System};
/// # struct MiMalloc;
/// # unsafe impl GlobalAlloc for MiMalloc {
/// #     unsafe fn alloc(&self, layout: Layout) -> *mut u8 { unsafe { System.alloc(layout) } }
/// #     unsafe fn dealloc(&self, p: *mut u8, layout: Layout) { unsafe { System.dealloc(p, layout) } }
/// # }
///
/// #[global_allocator]
/// static ALLOC: AllocTracer<MiMalloc> = AllocTracer::new(MiMalloc).exact();
/// # let _used = vec![0_u8; 10];
/// ```
///
/// The environment variable `ALLOC_TRACER` overrides what the source asks for; see the
/// [crate's documentation](crate).
///
/// The pointers are the inner allocator's own: no header. In a process that starts in exact mode a block
/// below 32 KiB is asked for with eight bytes more, and one small block in each 512 KiB that is sampled
/// is asked for at an address that is a multiple of 512; the inner allocator gets every block back by the layout it was asked with.
#[derive(Debug)]
pub struct AllocTracer<A = System> {
    inner: A,
    settings: Settings,
}

impl AllocTracer<System> {
    /// Around the system's allocator, sampled once per 512 KiB.
    pub const fn system() -> Self {
        AllocTracer::new(System)
    }
}

impl<A> AllocTracer<A> {
    /// Around any allocator, sampled once per 512 KiB.
    pub const fn new(inner: A) -> Self {
        AllocTracer { inner, settings: Settings { mode: Mode::DEFAULT, lists_blocks: false } }
    }

    /// Records every allocation.
    #[must_use]
    pub const fn exact(mut self) -> Self {
        self.settings.mode = Mode::Exact;
        self
    }

    /// Samples one allocation per `interval_bytes` on average; 0 counts as 1.
    #[must_use]
    pub const fn sampled(mut self, interval_bytes: u64) -> Self {
        self.settings.mode = Mode::Sampled { interval_bytes };
        self
    }

    /// Counts, and records no call stacks.
    #[must_use]
    pub const fn off(mut self) -> Self {
        self.settings.mode = Mode::Off;
        self
    }

    /// In exact mode, keeps every block in one table, where it can be listed, instead of a tag behind
    /// each small block. Slower, and 24 to 48 bytes more per live block; the environment says it with
    /// `blocks=listed`.
    #[must_use]
    pub const fn listed(mut self) -> Self {
        self.settings.lists_blocks = true;
        self
    }

    /// The allocator that does the work.
    pub const fn inner(&self) -> &A {
        &self.inner
    }
}

// SAFETY: the inner allocator serves every call, for the same size and alignment or for more of
// either, and gets each block back by the layout that it was asked with; the recorder never unwinds and
// touches nothing of a block but the room behind it that the program knows nothing of.
unsafe impl<A: GlobalAlloc> GlobalAlloc for AllocTracer<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !recorder::count_plain_allocation(layout.size()) {
            // SAFETY: the caller keeps GlobalAlloc's contract.
            return unsafe { self.alloc_attended(layout) };
        }
        // SAFETY: the caller keeps GlobalAlloc's contract, which is the inner allocator's as well.
        let block = unsafe { self.inner.alloc(layout) };
        if block.is_null() {
            recorder::plain_allocation_refused(layout.size());
        } else {
            recorder::forget_ended_unseen(block.addr());
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !recorder::count_plain_allocation(layout.size()) {
            // SAFETY: as in `alloc`.
            return unsafe { self.alloc_zeroed_attended(layout) };
        }
        // SAFETY: as in `alloc`.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if block.is_null() {
            recorder::plain_allocation_refused(layout.size());
        } else {
            recorder::forget_ended_unseen(block.addr());
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !recorder::count_plain_free(block.addr(), layout.size()) {
            // SAFETY: as in `alloc`; the block came from this allocator.
            return unsafe { self.dealloc_attended(block, layout) };
        }
        // SAFETY: as in `alloc`; the block came from the inner allocator, which was asked for this
        // layout, because all others need attention.
        unsafe { self.inner.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !recorder::is_plain_reallocation(block.addr(), layout.size(), new_size) {
            // SAFETY: as in `dealloc`.
            return unsafe { self.realloc_attended(block, layout, new_size) };
        }
        // SAFETY: as in `dealloc`.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if !moved.is_null() {
            recorder::count_plain_reallocation(layout.size(), new_size);
            recorder::forget_ended_unseen(moved.addr());
        }
        moved
    }
}

impl<A: GlobalAlloc> AllocTracer<A> {
    /// # Safety
    /// As for `GlobalAlloc::alloc`.
    #[inline(never)]
    unsafe fn alloc_attended(&self, layout: Layout) -> *mut u8 {
        let registers = Registers::here();
        let Some(small) = SmallBlock::to_allocate(layout) else {
            // SAFETY: the caller keeps GlobalAlloc's contract.
            return unsafe { self.alloc_by_plan(layout) };
        };
        // SAFETY: the caller keeps GlobalAlloc's contract; the block has eight bytes more.
        let block = unsafe { self.inner.alloc(small.layout()) };
        if !block.is_null() {
            // SAFETY: the block was made just now and nobody has it yet.
            unsafe {
                if !small.allocated_again(block, layout.size(), registers) {
                    recorder::record_small(small.thread(), block, layout.size(), registers);
                }
            }
        }
        block
    }

    /// # Safety
    /// As for `GlobalAlloc::alloc`.
    #[inline(never)]
    unsafe fn alloc_by_plan(&self, layout: Layout) -> *mut u8 {
        let registers = Registers::here();
        let plan = Plan::new(&self.settings, layout);
        // SAFETY: the plan's layout has the size at least, which is not zero.
        let block = unsafe { self.inner.alloc(plan.layout()) };
        // SAFETY: the block was made by this plan.
        unsafe { self.recorded(block, &plan, layout, registers) }
    }

    /// # Safety
    /// As for `GlobalAlloc::alloc_zeroed`.
    #[inline(never)]
    unsafe fn alloc_zeroed_attended(&self, layout: Layout) -> *mut u8 {
        let registers = Registers::here();
        let plan = Plan::new(&self.settings, layout);
        // SAFETY: as in `alloc_by_plan`; a tag is behind the bytes that must be zero.
        let block = unsafe { self.inner.alloc_zeroed(plan.layout()) };
        // SAFETY: the block was made by this plan.
        unsafe { self.recorded(block, &plan, layout, registers) }
    }

    /// Records a block that was allocated by a plan, and returns it or what stands for it.
    ///
    /// # Safety
    /// The inner allocator returned `block` for the plan's layout, which was made from `asked`; nobody has
    /// the block yet.
    #[inline(always)]
    unsafe fn recorded(&self, block: *mut u8, plan: &Plan, asked: Layout, registers: Registers) -> *mut u8 {
        if block.is_null() {
            plan.refused();
            return block;
        }
        // SAFETY: by this function's contract.
        let is_recorded = unsafe { recorder::allocated(plan, block, asked.size(), registers) };
        if is_recorded || !plan.is_apart() {
            return block;
        }
        // SAFETY: by this function's contract.
        let exchanged = unsafe { self.exchange(block, plan, asked) };
        if exchanged.is_null() {
            plan.undo_allocation(asked.size());
            // SAFETY: the block is nobody's.
            unsafe { self.inner.dealloc(block, plan.layout()) };
        }
        exchanged
    }

    /// Gives a block that was set apart and could not be listed back, for one that is as it was asked for. Null
    /// if the inner allocator refuses: then the block is still there.
    ///
    /// # Safety
    /// The inner allocator knows the block by the plan's layout, which was made from `asked`; all its bytes
    /// may be read as far as they were written.
    #[cold]
    unsafe fn exchange(&self, block: *mut u8, plan: &Plan, asked: Layout) -> *mut u8 {
        // SAFETY: `asked` has a size; the two blocks do not overlap, and have as many bytes.
        unsafe {
            let other = self.inner.alloc(asked);
            if !other.is_null() {
                other.copy_from_nonoverlapping(block, asked.size());
                self.inner.dealloc(block, plan.layout());
            }
            other
        }
    }

    /// # Safety
    /// As for `GlobalAlloc::dealloc`.
    #[inline(never)]
    unsafe fn dealloc_attended(&self, block: *mut u8, layout: Layout) {
        if let Some(small) = SmallBlock::to_free(layout) {
            // SAFETY: the block is the caller's and has this layout; with a tag it is one that the inner
            // allocator was asked for with room for it.
            unsafe {
                if small.freed(block, layout.size()) {
                    return self.inner.dealloc(block, small.layout());
                }
            }
        }
        // SAFETY: as above.
        unsafe { self.dealloc_by_record(block, layout) }
    }

    /// # Safety
    /// As for `GlobalAlloc::dealloc`.
    #[inline(never)]
    unsafe fn dealloc_by_record(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's and has this layout; the recorder says what the inner
        // allocator was asked for.
        unsafe {
            let layout = recorder::freed(&self.settings, block, layout);
            self.inner.dealloc(block, layout);
        }
    }

    /// # Safety
    /// As for `GlobalAlloc::realloc`.
    #[inline(never)]
    unsafe fn realloc_attended(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let registers = Registers::here();
        // SAFETY: the caller promises that the size does not overflow when it is rounded up.
        let asked = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let plan = Plan::new(&self.settings, asked);
        if plan.is_apart() || placement::may_be_apart(block.addr(), layout) {
            // SAFETY: as in `dealloc`.
            return unsafe { self.realloc_by_copy(block, layout, &plan, asked, registers) };
        }
        // SAFETY: the block is the caller's and has this layout.
        let old = unsafe { Taken::out(block, layout) };
        // SAFETY: the inner allocator knows the block by the old record's layout. Neither block is apart, so
        // all alignments are the same.
        let moved = unsafe { self.inner.realloc(block, old.layout(), plan.layout().size()) };
        if moved.is_null() {
            plan.refused();
            // SAFETY: the block is as it was.
            unsafe { old.put_back(block, layout.size()) };
        } else {
            // SAFETY: the block was made by this plan and nobody has it yet.
            unsafe { recorder::reallocated(&plan, old, layout.size(), moved, new_size, registers) };
        }
        moved
    }

    /// Reallocates by a new block and a copy, because one of the two blocks is set apart, or may be. The old
    /// block's record is only taken out when nothing can be refused any more.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`; the plan was made from `asked`, the new layout.
    #[cold]
    unsafe fn realloc_by_copy(
        &self,
        block: *mut u8,
        layout: Layout,
        plan: &Plan,
        asked: Layout,
        registers: Registers,
    ) -> *mut u8 {
        // SAFETY: the plan's layout has the size at least, which is not zero.
        let mut moved = unsafe { self.inner.alloc(plan.layout()) };
        if moved.is_null() {
            plan.refused();
            return moved;
        }
        // SAFETY: both blocks have so many bytes, and do not overlap. The old block is the caller's, has this
        // layout, and is given back by the layout that its record names; the new one is nobody's yet.
        unsafe {
            moved.copy_from_nonoverlapping(block, layout.size().min(asked.size()));
            if !recorder::record_moved(plan, moved, asked.size(), registers) && plan.is_apart() {
                let exchanged = self.exchange(moved, plan, asked);
                if exchanged.is_null() {
                    plan.refused();
                    self.inner.dealloc(moved, plan.layout());
                    return exchanged;
                }
                moved = exchanged;
            }
            let old = Taken::out(block, layout);
            recorder::count_reallocation(plan, old, layout.size(), asked.size());
            self.inner.dealloc(block, old.layout());
        }
        moved
    }
}
