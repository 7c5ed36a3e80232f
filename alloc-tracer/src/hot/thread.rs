//! A thread's state in the tracer's own pages, and how it is found, handed on when the thread ends,
//! and lent for single operations to threads that are already ending. Broken by: `tests/threads.rs`.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{
    AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
};

use super::arena::{Arena, Zeroed};
use super::counters::{Counters, STRAY, subtract_as_owner};
use super::thread_sites::ThreadSites;
use super::unwind::WalkSpace;
use super::{sampler, start};
use crate::sys::{stack, thread_exit, thread_local};

/// A thread changes the shared figure for live bytes when its own change since then reaches this
/// many bytes, so the figure, and the peak that is taken from it, is off by less than this per
/// thread state.
pub(crate) const FOLD_BYTES: i64 = 64 << 10;

/// One thread's state. The first cache line is all that an allocation touches when it is not recorded.
#[repr(C, align(64))]
pub(crate) struct ThreadBlock {
    pub(crate) counters: Counters,
    /// Bytes until the next sample; negative when the next allocation is recorded.
    pub(crate) gap_bytes: AtomicI64,
    /// The mode that `gap_bytes` was drawn for.
    pub(crate) seen_mode: AtomicU64,
    unfolded_bytes: AtomicI64,
    random: AtomicU64,
    stack_low: AtomicUsize,
    stack_top: AtomicUsize,
    index: AtomicU32,
    next_free: AtomicU32,
    pub(crate) sites: ThreadSites,
    walk_space: UnsafeCell<WalkSpace>,
}

// SAFETY: zeroed atomics and a zeroed `WalkSpace` are valid; `walk_space` is only reached through a
// raw pointer by the one thread that owns the block, inside the recorder; there is no drop glue.
unsafe impl Sync for ThreadBlock {}
// SAFETY: as above.
unsafe impl Zeroed for ThreadBlock {}

const _: () = assert!(core::mem::offset_of!(ThreadBlock, random) == 64);

/// 131,072 threads at once; later ones count into shared counters and record nothing.
static BLOCKS: Arena<ThreadBlock, 1, 65_536> = Arena::with_reserved(0);
/// Blocks without a thread: the index + 1 of the first one, and a count of changes above it.
static FREE: AtomicU64 = AtomicU64::new(0);
/// Sum of what all threads have folded, and the most it has been.
static FOLDED_LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static PEAK_BYTES: AtomicI64 = AtomicI64::new(0);

/// The calling thread's block, if it has one.
#[inline(always)]
pub(crate) fn current() -> Option<&'static ThreadBlock> {
    let block = thread_local::with(|words| words.block.get()).cast::<ThreadBlock>();
    // SAFETY: the word is null or was set by `with_block` to a block, which lives for ever.
    unsafe { block.as_ref() }
}

/// Calls `operate` with a block for a thread that has none: one that the thread then keeps or, if it
/// is ending or the system has no thread-exit call left, one for this operation only. `None` if
/// memory is refused.
#[cold]
#[inline(never)]
pub(crate) fn with_block<R>(
    settings: &start::Settings,
    operate: impl FnOnce(Option<&'static ThreadBlock>) -> R,
) -> R {
    start::ensure(settings);
    if !start::is_ready() {
        return operate(None);
    }
    let Some(block) = take() else { return operate(None) };
    let ending = thread_local::with(|words| words.ending.get());
    if !ending && thread_exit::arm(ptr::from_ref(block).cast()) {
        thread_local::with(|words| words.block.set(ptr::from_ref(block).cast()));
        return operate(Some(block));
    }
    let result = operate(Some(block));
    give_back(block);
    result
}

/// Runs when a thread with a block ends; destructors that run later borrow blocks.
///
/// # Safety
/// `block` is the value that `with_block` armed on the calling thread.
pub(crate) unsafe extern "C" fn thread_ended(block: *mut c_void) {
    thread_local::with(|words| {
        words.ending.set(true);
        words.block.set(ptr::null());
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
    block.stack_low.store(bounds.low, Relaxed);
    block.stack_top.store(bounds.top, Relaxed);
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

fn give_back(block: &'static ThreadBlock) {
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

impl ThreadBlock {
    /// Notes that the thread's share of live bytes changed.
    #[inline(always)]
    pub(crate) fn live_changed(&self, bytes: i64) {
        subtract_as_owner(&self.unfolded_bytes, bytes.wrapping_neg());
        if self.unfolded_bytes.load(Relaxed).unsigned_abs() >= FOLD_BYTES.unsigned_abs() {
            self.fold();
        }
    }

    #[cold]
    #[inline(never)]
    fn fold(&self) {
        fold_bytes(self.unfolded_bytes.swap(0, Relaxed));
    }

    fn seed_from(&self, index: u32) {
        let mut seed = start::seed() ^ u64::from(index).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        self.random.store(sampler::next_random(&mut seed), Relaxed);
    }

    pub(crate) fn next_random(&self) -> u64 {
        let mut state = self.random.load(Relaxed);
        let random = sampler::next_random(&mut state);
        self.random.store(state, Relaxed);
        random
    }

    pub(crate) fn stack_bounds(&self) -> stack::Bounds {
        stack::Bounds { low: self.stack_low.load(Relaxed), top: self.stack_top.load(Relaxed) }
    }

    /// Room for walking the stack, for the owner of the block, inside the recorder.
    pub(crate) fn walk_space(&self) -> *mut WalkSpace {
        self.walk_space.get()
    }
}

/// The counters of all threads that ever were. A block is listed once, whoever owns it now.
pub(crate) fn all_counters() -> impl Iterator<Item = &'static Counters> {
    (0..BLOCKS.len()).filter_map(|index| BLOCKS.get(index)).map(|block| &block.counters).chain([&STRAY])
}

/// The shares of all threads that ever were in the counts of sites.
pub(crate) fn all_sites() -> impl Iterator<Item = &'static ThreadSites> {
    (0..BLOCKS.len()).filter_map(|index| BLOCKS.get(index)).map(|block| &block.sites)
}

/// How many thread states exist: the most threads that were alive at one time, roughly.
pub(crate) fn block_count() -> u32 {
    BLOCKS.len()
}

fn fold_bytes(change: i64) {
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

/// Live bytes now: what was folded, and what each thread has not folded yet. At rest exact; while
/// threads run, a fold that happens during the sum is seen not at all or twice, so that it is off by
/// less than [`FOLD_BYTES`] per thread.
pub(crate) fn live_bytes() -> u64 {
    let blocks = (0..BLOCKS.len()).filter_map(|index| BLOCKS.get(index));
    let unfolded = blocks.map(|block| block.unfolded_bytes.load(Relaxed));
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

/// Makes the samples of this thread, and of threads that start from now on, the same in every run.
#[cfg(feature = "profile")]
pub(crate) fn set_seed(seed: u64) {
    start::set_seed(seed);
    if let Some(block) = current() {
        block.seed_from(block.index.load(Relaxed));
        // No mode: the next allocation draws its gap anew.
        block.seen_mode.store(u64::MAX, Relaxed);
    }
}
