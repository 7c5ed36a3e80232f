//! A thread's totals, exact in every mode. One thread writes them, any thread reads them; no two
//! threads share a cache line. Broken by: `tests/exact_counts.rs`, `tests/interrupted/signals.rs`.

use core::mem::offset_of;

use crate::sys::atomics::{AtomicU64, Ordering::Relaxed};
use crate::sys::owner_words::{OwnerWords, add_as_owner, add_fixed_as_owner};

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

// SAFETY: five of them, `repr(C)`.
unsafe impl OwnerWords for Counters {}

impl Counters {
    #[inline(always)]
    pub(crate) fn allocated(&self, bytes: usize) {
        add_fixed_as_owner::<ALLOCATIONS, 1>(self);
        add_as_owner::<ALLOCATED_BYTES>(self, bytes as u64);
    }

    /// Takes back what [`allocated`](Self::allocated) counted: the inner allocator refused.
    pub(crate) fn refused(&self, bytes: usize) {
        add_fixed_as_owner::<ALLOCATIONS, -1>(self);
        add_as_owner::<ALLOCATED_BYTES>(self, (bytes as u64).wrapping_neg());
    }

    #[inline(always)]
    pub(crate) fn freed(&self, bytes: usize) {
        add_fixed_as_owner::<FREES, 1>(self);
        add_as_owner::<FREED_BYTES>(self, bytes as u64);
    }

    #[inline(always)]
    pub(crate) fn reallocated(&self, old_bytes: usize, new_bytes: usize) {
        add_fixed_as_owner::<REALLOCATIONS, 1>(self);
        add_as_owner::<ALLOCATED_BYTES>(self, new_bytes as u64);
        add_as_owner::<FREED_BYTES>(self, old_bytes as u64);
    }
}

const ALLOCATIONS: usize = offset_of!(Counters, allocations);
const ALLOCATED_BYTES: usize = offset_of!(Counters, allocated_bytes);
const FREES: usize = offset_of!(Counters, frees);
const FREED_BYTES: usize = offset_of!(Counters, freed_bytes);
const REALLOCATIONS: usize = offset_of!(Counters, reallocations);

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
