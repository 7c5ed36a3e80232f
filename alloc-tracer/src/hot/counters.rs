//! A thread's totals, exact in every mode. One thread writes them, any thread reads them; no two
//! threads share a cache line. Broken by: `tests/exact_counts.rs`, `tests/signals.rs`.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Totals since the program started, as one thread saw them. Frees of blocks that another thread
/// allocated count here too, so only sums over all threads have a meaning.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Counters {
    pub(crate) allocations: AtomicU64,
    pub(crate) allocated_bytes: AtomicU64,
    pub(crate) frees: AtomicU64,
    pub(crate) freed_bytes: AtomicU64,
    pub(crate) reallocations: AtomicU64,
}

impl Counters {
    #[inline(always)]
    pub(crate) fn allocated(&self, bytes: usize) {
        add_as_owner(&self.allocations, 1);
        add_as_owner(&self.allocated_bytes, bytes as u64);
    }

    #[inline(always)]
    pub(crate) fn freed(&self, bytes: usize) {
        add_as_owner(&self.frees, 1);
        add_as_owner(&self.freed_bytes, bytes as u64);
    }

    #[inline(always)]
    pub(crate) fn reallocated(&self, old_bytes: usize, new_bytes: usize) {
        add_as_owner(&self.reallocations, 1);
        add_as_owner(&self.allocated_bytes, new_bytes as u64);
        add_as_owner(&self.freed_bytes, old_bytes as u64);
    }
}

/// Totals for operations on threads that could get no state of their own. Shared, so every addition
/// is an atomic one.
pub(crate) static STRAY: Counters = Counters {
    allocations: AtomicU64::new(0),
    allocated_bytes: AtomicU64::new(0),
    frees: AtomicU64::new(0),
    freed_bytes: AtomicU64::new(0),
    reallocations: AtomicU64::new(0),
};

impl Counters {
    /// Adds to counters that any thread may add to.
    pub(crate) fn add_shared(&self, [allocations, allocated, frees, freed, reallocations]: [u64; 5]) {
        self.allocations.fetch_add(allocations, Relaxed);
        self.allocated_bytes.fetch_add(allocated, Relaxed);
        self.frees.fetch_add(frees, Relaxed);
        self.freed_bytes.fetch_add(freed, Relaxed);
        self.reallocations.fetch_add(reallocations, Relaxed);
    }
}

/// Adds to a counter that only the calling thread writes.
///
/// One instruction without a lock prefix: a signal handler that allocates on the same thread comes
/// before or after it, never between its load and its store, so no count is lost; other threads
/// read either value.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) fn add_as_owner(counter: &AtomicU64, amount: u64) {
    // SAFETY: the pointer is valid and aligned for the whole call. No other thread writes the
    // counter; others read it with single 8-byte loads, which cannot tear on x86-64. An asm block
    // is as opaque to the compiler as an atomic operation.
    unsafe {
        core::arch::asm!(
            "add qword ptr [{counter}], {amount}",
            counter = in(reg) counter.as_ptr(),
            amount = in(reg) amount,
            options(nostack),
        );
    }
}

#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(always)]
pub(crate) fn add_as_owner(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Relaxed);
}
