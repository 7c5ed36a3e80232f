//! What the calling thread asks the system's allocator for, so that a property can say "allocates nothing"
//! and "no more than".

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;

use crate::cold::std::alloc::System;
use crate::cold::std::thread_local;

/// The allocator of tests and fuzzers.
struct Counted;

#[global_allocator]
static COUNTED: Counted = Counted;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(change_bytes: isize) {
    CALLS.set(CALLS.get() + 1);
    let live_bytes = LIVE_BYTES.get() + change_bytes;
    LIVE_BYTES.set(live_bytes);
    PEAK_BYTES.set(PEAK_BYTES.get().max(live_bytes));
}

// SAFETY: the system's allocator does all of it; the counters have no destructor and allocate nothing.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old and the new block may exist at once.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What one thread did with the allocator since a moment.
pub(crate) struct Allocations {
    calls: u64,
    live_bytes: isize,
}

impl Allocations {
    pub(crate) fn from_here() -> Allocations {
        PEAK_BYTES.set(LIVE_BYTES.get());
        Allocations { calls: CALLS.get(), live_bytes: LIVE_BYTES.get() }
    }

    /// Calls of the allocator's functions.
    pub(crate) fn calls(&self) -> u64 {
        CALLS.get() - self.calls
    }

    /// The most bytes that were live at once, beyond those at the beginning.
    pub(crate) fn peak_bytes(&self) -> usize {
        (PEAK_BYTES.get() - self.live_bytes).unsigned_abs()
    }
}
