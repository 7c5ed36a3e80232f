//! Exact mode equals the truth to the byte: the sum over all stacks is what an independent count of
//! the inner allocator's calls says, with threads that free and reallocate each other's blocks.
#![cfg(feature = "profile")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;

use alloc_tracer::AllocTracer;

/// Counts every call that succeeded, by global atomics: slow, simple, and not the tracer's.
struct Counting;

static ALLOCATED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
static FREED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
static REALLOCATED: [AtomicU64; 3] = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];

fn add(to: &[AtomicU64], amounts: &[usize]) {
    for (counter, amount) in to.iter().zip(amounts) {
        counter.fetch_add(*amount as u64, Relaxed);
    }
}

// SAFETY: passes every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the system allocator's.
        let block = unsafe { System.alloc(layout) };
        add(&ALLOCATED, &[usize::from(!block.is_null()), if block.is_null() { 0 } else { layout.size() }]);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        add(&FREED, &[1, layout.size()]);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { System.realloc(block, layout, size) };
        if !moved.is_null() {
            add(&REALLOCATED, &[1, layout.size(), size]);
        }
        moved
    }
}

#[global_allocator]
static ALLOC: AllocTracer<Counting> = AllocTracer::new(Counting).exact();

#[test]
fn every_byte_is_on_a_stack_with_threads_that_free_and_grow_each_others_blocks() {
    let (stacks_before, stats_before, truth_before) = (on_stacks(), alloc_tracer::stats(), Truth::now());
    let kept = workload();
    let (truth_after, stats_after, stacks_after) = (Truth::now(), alloc_tracer::stats(), on_stacks());

    let truth = truth_after.since(&truth_before);
    let stacks: Vec<f64> =
        stacks_after.iter().zip(stacks_before).map(|(after, before)| after - before).collect();
    let expected =
        [truth.allocations + truth.reallocations, truth.total_bytes, truth.live_blocks, truth.live_bytes];
    assert_eq!(stacks, expected.map(|number| number as f64));

    let counted = [
        stats_after.allocations - stats_before.allocations,
        stats_after.frees - stats_before.frees,
        stats_after.reallocations - stats_before.reallocations,
        stats_after.total_bytes - stats_before.total_bytes,
        stats_after.live_bytes - stats_before.live_bytes,
        stats_after.live_blocks - stats_before.live_blocks,
    ];
    let expected = [
        truth.allocations,
        truth.frees,
        truth.reallocations,
        truth.total_bytes,
        truth.live_bytes,
        truth.live_blocks,
    ];
    assert_eq!(counted, expected);
    assert!(truth.allocations > 60_000 && truth.reallocations > 10_000 && truth.live_blocks > 10_000);

    let stats = stats_after;
    assert_eq!((stats.reentries, stats.lost_blocks, stats.stacks_lost, stats.stacks_too_deep), (0, 0, 0, 0));
    assert!(stats.peak_live_bytes + stats.peak_error_bytes >= truth_after.live_bytes);
    let snapshot = alloc_tracer::snapshot();
    let profile = snapshot.profile();
    let sums = sums(&snapshot);
    for (column, name) in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"].iter().enumerate()
    {
        assert_eq!(profile.total(profile.column(name).unwrap()) as f64, sums[column], "{name}");
    }
    drop(kept);
}

/// Three threads make blocks; a fourth one grows, shrinks, drops or keeps them.
fn workload() -> Vec<Vec<u8>> {
    let (to_freer, from_maker) = mpsc::channel::<Vec<u8>>();
    std::thread::scope(|scope| {
        for maker in 0..3_usize {
            let to_freer = to_freer.clone();
            scope.spawn(move || {
                for i in 0..20_000_usize {
                    to_freer.send(vec![0; 1 + (i * 7 + maker) % 900]).unwrap();
                }
            });
        }
        drop(to_freer);
        let freer = scope.spawn(move || {
            let mut kept = Vec::new();
            for (i, mut block) in from_maker.iter().enumerate() {
                if i % 3 == 0 {
                    block.resize(block.len() * 2, 1);
                }
                if i % 5 == 0 {
                    block.shrink_to_fit();
                    kept.push(block);
                }
            }
            kept
        });
        freer.join().unwrap()
    })
}

/// The four columns summed over all stacks.
fn on_stacks() -> [f64; 4] {
    sums(&alloc_tracer::snapshot())
}

fn sums(snapshot: &alloc_tracer::Snapshot) -> [f64; 4] {
    snapshot.sites().fold([0.0; 4], |sums, site| {
        let v = site.values;
        let four = [v.alloc_objects, v.alloc_space, v.inuse_objects, v.inuse_space];
        assert!(four.iter().all(|estimate| estimate.variance == 0.0));
        std::array::from_fn(|i| sums[i] + four[i].value)
    })
}

struct Truth {
    allocations: u64,
    frees: u64,
    reallocations: u64,
    total_bytes: u64,
    live_bytes: u64,
    live_blocks: u64,
}

impl Truth {
    fn now() -> Truth {
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

    fn since(&self, before: &Truth) -> Truth {
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
