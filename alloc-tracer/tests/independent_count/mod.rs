//! A count of what the inner allocator was really asked for, which shares no code with the tracer.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts every call that succeeded, by global atomics: slow, simple, and not the tracer's.
pub(crate) struct Counting<A = System>(pub(crate) A);

static ALLOCATED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
static FREED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
static REALLOCATED: [AtomicU64; 3] = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];

fn add(to: &[AtomicU64], amounts: &[usize]) {
    for (counter, amount) in to.iter().zip(amounts) {
        counter.fetch_add(*amount as u64, Relaxed);
    }
}

// SAFETY: passes every call on to the allocator inside.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is that of the allocator inside.
        let block = unsafe { self.0.alloc(layout) };
        add(&ALLOCATED, &[usize::from(!block.is_null()), if block.is_null() { 0 } else { layout.size() }]);
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.0.alloc_zeroed(layout) };
        add(&ALLOCATED, &[usize::from(!block.is_null()), if block.is_null() { 0 } else { layout.size() }]);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        add(&FREED, &[1, layout.size()]);
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { self.0.realloc(block, layout, size) };
        if !moved.is_null() {
            add(&REALLOCATED, &[1, layout.size(), size]);
        }
        moved
    }
}

/// What the inner allocator was asked for since the program started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) allocations: u64,
    pub(crate) frees: u64,
    pub(crate) reallocations: u64,
    pub(crate) total_bytes: u64,
    pub(crate) live_bytes: u64,
    pub(crate) live_blocks: u64,
}

impl Truth {
    pub(crate) fn now() -> Truth {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let (allocations, allocated) = (read(&ALLOCATED[0]), read(&ALLOCATED[1]));
        let (frees, freed) = (read(&FREED[0]), read(&FREED[1]));
        let (reallocations, from, to) = (read(&REALLOCATED[0]), read(&REALLOCATED[1]), read(&REALLOCATED[2]));
        Truth {
            allocations,
            frees,
            reallocations,
            total_bytes: allocated + to,
            live_bytes: allocated + to - freed - from,
            live_blocks: allocations - frees,
        }
    }

    #[allow(dead_code, reason = "a scenario that is about a whole process has no earlier moment")]
    pub(crate) fn since(&self, before: &Truth) -> Truth {
        Truth {
            allocations: self.allocations - before.allocations,
            frees: self.frees - before.frees,
            reallocations: self.reallocations - before.reallocations,
            total_bytes: self.total_bytes - before.total_bytes,
            live_bytes: self.live_bytes - before.live_bytes,
            live_blocks: self.live_blocks - before.live_blocks,
        }
    }
}

impl Truth {
    /// The same totals as the tracer counted them between two moments.
    pub(crate) fn by_tracer(before: &alloc_tracer::Stats, after: &alloc_tracer::Stats) -> Truth {
        Truth {
            allocations: after.allocations - before.allocations,
            frees: after.frees - before.frees,
            reallocations: after.reallocations - before.reallocations,
            total_bytes: after.total_bytes - before.total_bytes,
            live_bytes: after.live_bytes - before.live_bytes,
            live_blocks: after.live_blocks - before.live_blocks,
        }
    }
}
