//! The process's totals. Broken by: `tests/exact_counts.rs`, `tests/threads.rs`.

use super::baseline;
use super::own_cost::OwnCost;
use super::totals::Totals;
use crate::hot::{all_threads, guard, losses, thread, unwind};
use crate::sys::pages;

/// Totals of the process, from counters that are exact in every mode, and what the tracer costs.
///
/// At rest all are exact. While other threads allocate, each thread's totals are those of some moment
/// during the call, and `live_bytes` is off by at most `peak_error_bytes`. A reallocation that succeeds is one of `reallocations`, adds its new size to
/// `total_bytes`, and is neither an allocation nor a free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Blocks allocated since the start or the last [`reset`](crate::reset).
    pub allocations: u64,
    /// Blocks freed since the start or the last reset.
    pub frees: u64,
    /// Blocks reallocated since the start or the last reset.
    pub reallocations: u64,
    /// Bytes allocated since the start or the last reset.
    pub total_bytes: u64,
    /// Bytes in live blocks, as they were asked for.
    pub live_bytes: u64,
    /// Live blocks.
    pub live_blocks: u64,
    /// The most bytes that were live at one time since the start or the last reset; the true figure
    /// differs by at most `peak_error_bytes`.
    pub peak_live_bytes: u64,
    /// The bound on the error of `peak_live_bytes`: 64 KiB for each thread state, because a thread
    /// folds its change into the shared figure only so often.
    pub peak_error_bytes: u64,
    /// Bytes of address space that the tracer mapped for itself; only written pages take up memory.
    pub tracer_mapped_bytes: u64,
    /// The same by part, and what it takes elsewhere.
    pub tracer: OwnCost,
    /// How often the tracer was refused memory, by the system or by `max_memory`.
    pub tracer_refusals: u64,
    /// How often the recorder was entered while it was recording on the same thread, by a signal
    /// handler that allocates. Such blocks are in the profile, without their stack.
    pub reentries: u64,
    /// Blocks that should have been recorded and could not be. They are in the totals above; in
    /// profiles they are missing or count as freed at once.
    pub lost_blocks: u64,
    /// Bytes of those blocks.
    pub lost_bytes: u64,
    /// Stacks recorded without their outermost frames, because they are deeper than 1,024 frames.
    pub stacks_too_deep: u64,
    /// Stacks recorded only up to code without unwind information.
    pub stacks_lost: u64,
    /// With `ALLOC_TRACER=check=stacks`, stacks that were walked to their end as well, to compare.
    pub stacks_checked: u64,
    /// How many of these needed no walk at all: what was remembered of an earlier one was found unchanged.
    pub stacks_checked_from_memory: u64,
    /// Checked stacks that the two ways saw differently.
    pub stack_mismatches: u64,
}

/// The process's totals now. All zero if [`AllocTracer`](crate::AllocTracer) is not the global
/// allocator.
///
/// ```
/// # use alloc_tracer::AllocTracer;
/// # #[global_allocator]
/// # static ALLOC: AllocTracer = AllocTracer::system();
/// let before = alloc_tracer::stats();
/// let kept = vec![0_u8; 4096];
/// let after = alloc_tracer::stats();
/// assert_eq!(after.live_bytes - before.live_bytes, 4096);
/// assert_eq!(after.allocations - before.allocations, 1);
/// # drop(kept);
/// ```
pub fn stats() -> Stats {
    let total = Totals::now();
    let since =
        baseline::with_baseline(|baseline| baseline.map_or(total, |baseline| total.since(baseline.totals)));
    let losses = losses::losses();
    let checks = unwind::checks();
    let live_bytes = all_threads::live_bytes();
    let live_blocks = total.allocations.saturating_sub(total.frees);
    Stats {
        allocations: since.allocations,
        frees: since.frees,
        reallocations: since.reallocations,
        total_bytes: since.allocated_bytes,
        live_bytes,
        live_blocks,
        peak_live_bytes: all_threads::peak_bytes(live_bytes),
        peak_error_bytes: u64::from(thread::block_count()) * thread::ERROR_BYTES,
        tracer_mapped_bytes: pages::mapped_bytes(),
        tracer: OwnCost::now(live_blocks),
        tracer_refusals: pages::refusals(),
        reentries: guard::reentries(),
        lost_blocks: losses.blocks,
        lost_bytes: losses.bytes,
        stacks_too_deep: losses.stacks_too_deep,
        stacks_lost: losses.stacks_lost,
        stacks_checked: checks.stacks,
        stacks_checked_from_memory: checks.from_memory,
        stack_mismatches: checks.mismatches,
    }
}
