//! tracking-allocator with the smallest tracker there can be: two process-wide counters.

use std::alloc::System;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tracking_allocator::{AllocationGroupId, AllocationRegistry, AllocationTracker, Allocator};

#[global_allocator]
static ALLOC: Allocator<System> = Allocator::system();

struct Counters {
    allocated: AtomicUsize,
    freed: AtomicUsize,
}

impl AllocationTracker for Counters {
    fn allocated(&self, _: usize, object_size: usize, _: usize, _: AllocationGroupId) {
        self.allocated.fetch_add(object_size, Relaxed);
    }

    fn deallocated(
        &self,
        _: usize,
        object_size: usize,
        _: usize,
        _: AllocationGroupId,
        _: AllocationGroupId,
    ) {
        self.freed.fetch_add(object_size, Relaxed);
    }
}

fn main() -> ExitCode {
    let counters = Counters { allocated: AtomicUsize::new(0), freed: AtomicUsize::new(0) };
    AllocationRegistry::set_global_tracker(counters).expect("there is no other tracker");
    AllocationRegistry::enable_tracking();
    bench_workloads::run(|_| None)
}
