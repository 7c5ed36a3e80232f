//! The sum of all threads' counters. Reads `hot::thread`. Broken by: `tests/exact_counts.rs`.

use core::sync::atomic::Ordering::Relaxed;

use crate::hot::all_threads;

/// Sums of all threads' counters since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) frees: u64,
    pub(crate) reallocations: u64,
}

impl Totals {
    pub(crate) fn now() -> Totals {
        let mut totals = Totals::default();
        for counters in all_threads::all_counters() {
            totals.frees += counters.frees.load(Relaxed);
            totals.allocations += counters.allocations.load(Relaxed);
            totals.allocated_bytes += counters.allocated_bytes.load(Relaxed);
            totals.reallocations += counters.reallocations.load(Relaxed);
        }
        totals
    }

    pub(crate) fn since(&self, earlier: Totals) -> Totals {
        Totals {
            allocations: self.allocations.saturating_sub(earlier.allocations),
            allocated_bytes: self.allocated_bytes.saturating_sub(earlier.allocated_bytes),
            frees: self.frees.saturating_sub(earlier.frees),
            reallocations: self.reallocations.saturating_sub(earlier.reallocations),
        }
    }
}
