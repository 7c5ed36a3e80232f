//! A thread's state in the tracer's own pages, and how it is found, handed on when the thread ends,
//! and lent for single operations to threads that are already ending. Broken by: `tests/threads.rs`.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ops::Deref;
use core::ptr;

use super::all_threads;
use super::arena::{Arena, Zeroed};
use super::counters::Counters;
use super::mode::{self, IntervalId, Kind, ModeWord};
use super::placement::{self, LARGE_BYTES};
use super::thread_sites::ThreadSites;
use super::unwind::WalkSpace;
use super::{sampler, start};
use crate::sys::atomics::{
    AtomicU32, AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release, Ordering::SeqCst,
};
use crate::sys::pages::Part;
use crate::sys::thread_local::{self, NO_STATE};
use crate::sys::{stack, thread_exit};

/// A thread changes the shared figure for live bytes when it has allocated, or freed, this many bytes
/// since it did so last.
const FOLD_BYTES: u64 = LARGE_BYTES as u64;

/// How far the shared figure, the peak that is taken from it, and a sum of live bytes while threads run
/// may be off, per thread state: by what is allocated and by what is freed between two folds.
pub(crate) const ERROR_BYTES: u64 = 2 * FOLD_BYTES;

/// One thread's state. The first cache line is all that an allocation or a free touches when it is not
/// recorded: two counters go up, and one of them is compared with a limit behind which anything may be
/// due (a sample, a fold, a change of mode).
#[repr(C)]
pub(crate) struct ThreadBlock {
    line: FirstLine,
    /// The mode that `next_sample_at` was drawn for.
    seen_mode: AtomicU64,
    /// The next sample is the allocation that takes the allocated bytes beyond this.
    next_sample_at: AtomicU64,
    /// What the counters were at the last fold.
    folded_allocated: AtomicU64,
    folded_freed: AtomicU64,
    random: AtomicU64,
    stack_low: AtomicUsize,
    stack_top: AtomicUsize,
    index: AtomicU32,
    next_free: AtomicU32,
    pub(crate) sites: ThreadSites,
    walk_space: UnsafeCell<WalkSpace>,
}

/// See [`ThreadBlock`].
#[repr(C, align(64))]
pub(crate) struct FirstLine {
    pub(crate) counters: Counters,
    /// The allocation that brings the allocated bytes this far is attended to; 0 for every one.
    pub(super) allocated_limit: AtomicU64,
    /// The free that brings the freed bytes this far is attended to; 0 for every one.
    pub(super) freed_limit: AtomicU64,
}

impl Deref for ThreadBlock {
    type Target = FirstLine;

    #[inline(always)]
    fn deref(&self) -> &FirstLine {
        &self.line
    }
}

// SAFETY: zeroed atomics and a zeroed `WalkSpace` are valid; `walk_space` is only reached through a
// raw pointer by the one thread that owns the block, inside the recorder; there is no drop glue.
unsafe impl Sync for ThreadBlock {}
// SAFETY: as above.
unsafe impl Zeroed for ThreadBlock {}

const _: () = assert!(core::mem::offset_of!(ThreadBlock, seen_mode) == 64);
// The README says so.
const _: () = assert!(size_of::<ThreadBlock>() <= 256 << 10);
const _: () = assert!(size_of::<FirstLine>() == size_of::<thread_local::NoState>());

/// 131,072 threads at once; later ones count into shared counters and record nothing.
static BLOCKS: Arena<ThreadBlock, 1, 65_536> = Arena::with_reserved(0, Part::Threads);
/// Blocks without a thread: the index + 1 of the first one, and a count of changes above it.
static FREE: AtomicU64 = AtomicU64::new(0);

/// The blocks of all threads that ever were. A block is listed once, whoever owns it now.
pub(super) fn blocks() -> impl Iterator<Item = &'static ThreadBlock> {
    (0..BLOCKS.len()).filter_map(|index| BLOCKS.get(index))
}

/// How many thread states exist: the most threads that were alive at one time, roughly.
pub(crate) fn block_count() -> u32 {
    BLOCKS.len()
}

/// The first line of the calling thread's block; of a thread that has none, a line of zeroes, with which
/// everything needs attention and which must not be written.
#[inline(always)]
pub(crate) fn line() -> &'static FirstLine {
    let line = thread_local::with(|words| words.block.get()).cast::<FirstLine>();
    // SAFETY: the word names a block, which lives for ever and begins with its line, or `NO_STATE`, a
    // static of the line's size and alignment, for which zeroes are valid.
    unsafe { &*line }
}

/// The calling thread's block, if it has one.
#[inline(always)]
pub(crate) fn current() -> Option<&'static ThreadBlock> {
    let block = thread_local::with(|words| words.block.get());
    if ptr::eq(block, (&raw const NO_STATE).cast()) {
        return None;
    }
    // SAFETY: the word was set by a lease to a block, which lives for ever.
    Some(unsafe { &*block.cast::<ThreadBlock>() })
}

/// A block to use for one operation: the thread's own, or a borrowed one that goes back at the end.
pub(crate) struct Lease {
    block: &'static ThreadBlock,
    is_borrowed: bool,
}

impl Lease {
    /// A block for the calling thread: its own; one that it then keeps; or, if it is ending or the system
    /// has no thread-exit call left, a borrowed one. `None` if memory is refused.
    #[inline(always)]
    pub(crate) fn take(settings: &start::Settings) -> Option<Lease> {
        match current() {
            Some(block) => Some(Lease { block, is_borrowed: false }),
            None => Lease::first(settings),
        }
    }

    #[cold]
    #[inline(never)]
    fn first(settings: &start::Settings) -> Option<Lease> {
        start::ensure(settings, thread_ended);
        if !start::is_ready() {
            return None;
        }
        let block = take()?;
        let ending = thread_local::with(|words| words.ending.get());
        let is_borrowed = ending || !thread_exit::arm(ptr::from_ref(block).cast());
        if !is_borrowed {
            thread_local::with(|words| words.block.set(ptr::from_ref(block).cast()));
        }
        Some(Lease { block, is_borrowed })
    }
}

impl Deref for Lease {
    type Target = &'static ThreadBlock;

    #[inline(always)]
    fn deref(&self) -> &&'static ThreadBlock {
        &self.block
    }
}

impl Drop for Lease {
    #[inline(always)]
    fn drop(&mut self) {
        if self.is_borrowed {
            give_back(self.block);
        }
    }
}

/// Runs when a thread with a block ends; destructors that run later borrow blocks.
///
/// # Safety
/// `block` is the value that a lease armed on the calling thread.
pub(crate) unsafe extern "C" fn thread_ended(block: *mut c_void) {
    thread_local::with(|words| {
        words.ending.set(true);
        words.block.set((&raw const NO_STATE).cast());
    });
    // SAFETY: by this function's contract it is a block, which lives for ever.
    if let Some(block) = unsafe { block.cast::<ThreadBlock>().as_ref() } {
        give_back(block);
    }
}

fn take() -> Option<&'static ThreadBlock> {
    let mut head = FREE.load(Acquire);
    let block = loop {
        let Some(index) = (head as u32).checked_sub(1) else { break fresh()? };
        let block = BLOCKS.get(index)?;
        let next = next_head(head, block.next_free.load(Relaxed));
        match FREE.compare_exchange_weak(head, next, AcqRel, Acquire) {
            Ok(_) => break block,
            Err(now) => head = now,
        }
    };
    let bounds = stack::bounds();
    block.stack_low.store(bounds.low, Release);
    block.stack_top.store(bounds.top, Release);
    // SAFETY: the block was taken from the free list by this thread alone, and its last owner has given
    // it up; no walk uses the space.
    unsafe { (*block.walk_space.get()).hand_over() };
    Some(block)
}

fn fresh() -> Option<&'static ThreadBlock> {
    let (index, block) = BLOCKS.push()?;
    block.index.store(index, Relaxed);
    block.seed_from(index);
    Some(block)
}

#[cold]
#[inline(never)]
fn give_back(block: &'static ThreadBlock) {
    // The stack goes with its thread.
    block.stack_top.store(0, Relaxed);
    let mut head = FREE.load(Relaxed);
    loop {
        block.next_free.store(head as u32, Relaxed);
        let next = next_head(head, block.index.load(Relaxed).wrapping_add(1));
        match FREE.compare_exchange_weak(head, next, AcqRel, Relaxed) {
            Ok(_) => return,
            Err(now) => head = now,
        }
    }
}

/// A head of the free list that no earlier head equals, so that a late exchange fails.
fn next_head(head: u64, first: u32) -> u64 {
    (head >> 32).wrapping_add(1) << 32 | u64::from(first)
}

impl FirstLine {
    /// Whether something may be due with an allocation of `size` bytes that is about to be counted.
    #[inline(always)]
    pub(crate) fn allocation_needs_attention(&self, size: usize) -> bool {
        let allocated = self.counters.allocated_bytes.load(Relaxed).wrapping_add(size as u64);
        allocated >= self.allocated_limit.load(Relaxed)
    }

    /// Whether something may be due with a free of `size` bytes that is about to be counted: always with
    /// one of [`LARGE_BYTES`].
    #[inline(always)]
    pub(crate) fn free_needs_attention(&self, size: usize) -> bool {
        let freed = self.counters.freed_bytes.load(Relaxed).wrapping_add(size as u64);
        freed >= self.freed_limit.load(Relaxed)
    }
}

impl ThreadBlock {
    /// Whether an allocation of `size` bytes that comes next is to be recorded, and how.
    #[inline(always)]
    pub(crate) fn choose(&self, size: usize) -> Option<IntervalId> {
        let mode = mode::current();
        match mode.kind() {
            Kind::Exact => Some(IntervalId::EXACT),
            Kind::Off => None,
            Kind::Sampled(interval) => self.falls_on_sample(mode, interval, size).then_some(interval),
        }
    }

    /// Whether a sample point falls into the next `size` bytes; if so, draws the next point behind them.
    fn falls_on_sample(&self, mode: ModeWord, interval: IntervalId, size: usize) -> bool {
        let allocated = self.counters.allocated_bytes.load(Relaxed);
        if self.seen_mode.swap(mode.0, Relaxed) != mode.0 {
            // The point was drawn for another mode; this block decides by a gap of its own.
            self.next_sample_at.store(allocated.wrapping_add(self.draw_gap(interval)), Relaxed);
        }
        let end = allocated.wrapping_add(size as u64);
        let is_sampled = self.next_sample_at.load(Relaxed) < end;
        if is_sampled {
            self.next_sample_at.store(end.wrapping_add(self.draw_gap(interval)), Relaxed);
        }
        is_sampled
    }

    /// Forgets the next sample point: an allocation was compared with it and then refused. Whether it fell
    /// on the point or not: to draw only those points afresh that were hit would make gaps longer.
    #[cold]
    pub(crate) fn allocation_refused(&self) {
        self.seen_mode.store(u64::MAX, Relaxed);
        self.allocated_limit.store(0, SeqCst);
    }

    fn draw_gap(&self, interval: IntervalId) -> u64 {
        sampler::draw_gap_bytes(self.next_random(), mode::interval_bytes(interval))
    }

    /// What is due after an allocation that was attended to and counted.
    #[inline(always)]
    pub(crate) fn after_allocation(&self, recorded: Option<IntervalId>) {
        self.after_exact_allocation();
        if recorded != Some(IntervalId::EXACT) || self.allocated_limit.load(Relaxed) != 0 {
            self.set_allocated_limit(mode::current());
        }
    }

    /// What is due after an allocation that was counted and recorded exactly, in a process with tags.
    #[inline(always)]
    pub(crate) fn after_exact_allocation(&self) {
        let allocated = self.counters.allocated_bytes.load(Relaxed);
        if allocated.wrapping_sub(self.folded_allocated.load(Relaxed)) >= FOLD_BYTES {
            self.fold();
        }
    }

    /// Whether a fold is due with a free of `size` bytes that is about to be counted.
    #[inline(always)]
    pub(crate) fn free_needs_fold(&self, size: usize) -> bool {
        let freed = self.counters.freed_bytes.load(Relaxed).wrapping_add(size as u64);
        freed.wrapping_sub(self.folded_freed.load(Relaxed)) >= FOLD_BYTES
    }

    /// What is due after a free that was attended to and counted.
    #[inline(always)]
    pub(crate) fn after_free(&self) {
        if self.free_needs_fold(0) || (self.freed_limit.load(Relaxed) == 0 && !placement::every_free_looks())
        {
            self.fold();
        }
    }

    /// Folds the thread's share of live bytes into the shared figure.
    #[cold]
    #[inline(never)]
    fn fold(&self) {
        let allocated = self.counters.allocated_bytes.load(Relaxed);
        let freed = self.counters.freed_bytes.load(Relaxed);
        let more = allocated.wrapping_sub(self.folded_allocated.swap(allocated, Relaxed));
        let less = freed.wrapping_sub(self.folded_freed.swap(freed, Relaxed));
        all_threads::fold_bytes(more.wrapping_sub(less).cast_signed());
        if placement::every_free_looks() {
            // Never anything else, not even for a moment: a signal handler may free in between.
            self.freed_limit.store(0, SeqCst);
            return;
        }
        // As in `set_allocated_limit`, either this thread sees the change or the thread that makes it
        // writes its zero after this store.
        self.freed_limit.store(freed.wrapping_add(FOLD_BYTES), SeqCst);
        if placement::every_free_looks() {
            self.freed_limit.store(0, SeqCst);
        }
    }

    fn set_allocated_limit(&self, mode: ModeWord) {
        let next_fold = self.folded_allocated.load(Relaxed).wrapping_add(FOLD_BYTES);
        let limit = match mode.kind() {
            Kind::Exact => 0,
            _ if placement::has_tags() => 0,
            Kind::Off => next_fold,
            // The point was drawn for another mode: the next allocation draws its own.
            Kind::Sampled(_) if self.seen_mode.load(Relaxed) != mode.0 => 0,
            Kind::Sampled(_) => self.next_sample_at.load(Relaxed).wrapping_add(1).min(next_fold),
        };
        if self.allocated_limit.load(Relaxed) != limit {
            // Either this thread sees a mode that is set meanwhile, or the thread that sets it writes its
            // zero after this store: both do their store before their load, in one order for all.
            self.allocated_limit.store(limit, SeqCst);
            if mode::current_in_order() != mode {
                self.allocated_limit.store(0, SeqCst);
            }
        }
    }

    /// Bytes that the thread allocated less those it freed since its last fold. Read while the thread
    /// runs it is off by what happens between the loads, but never by more than what can be unfolded.
    pub(super) fn unfolded_bytes(&self) -> i64 {
        let (allocated, freed) = (self.folded_allocated.load(Relaxed), self.folded_freed.load(Relaxed));
        let more = self.counters.allocated_bytes.load(Relaxed).wrapping_sub(allocated);
        let less = self.counters.freed_bytes.load(Relaxed).wrapping_sub(freed);
        let bound = FOLD_BYTES.cast_signed();
        more.wrapping_sub(less).cast_signed().clamp(bound.wrapping_neg(), bound)
    }

    fn seed_from(&self, index: u32) {
        let mut seed = start::seed() ^ u64::from(index).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        self.random.store(sampler::next_random(&mut seed), Relaxed);
    }

    fn next_random(&self) -> u64 {
        let mut state = self.random.load(Relaxed);
        let random = sampler::next_random(&mut state);
        self.random.store(state, Relaxed);
        random
    }

    /// The stack of the block's thread, for other threads; `None` if it has none now, or has just changed it.
    #[cfg(feature = "profile")]
    pub(super) fn stack_range(&self) -> Option<core::ops::Range<usize>> {
        let top = self.stack_top.load(Acquire);
        let low = self.stack_low.load(Acquire);
        (top != 0 && self.stack_top.load(Relaxed) == top).then_some(low..top)
    }

    pub(crate) fn stack_bounds(&self) -> stack::Bounds {
        stack::Bounds { low: self.stack_low.load(Relaxed), top: self.stack_top.load(Relaxed) }
    }

    /// Room for walking the stack, for the owner of the block, inside the recorder.
    pub(crate) fn walk_space(&self) -> *mut WalkSpace {
        self.walk_space.get()
    }
}

/// Makes the samples of this thread, and of threads that start from now on, the same in every run.
#[cfg(feature = "profile")]
pub(crate) fn set_seed(seed: u64) {
    start::set_seed(seed);
    if let Some(block) = current() {
        block.seed_from(block.index.load(Relaxed));
        // No mode: the next allocation draws its gap anew.
        block.seen_mode.store(u64::MAX, Relaxed);
        block.allocated_limit.store(0, Relaxed);
    }
}
