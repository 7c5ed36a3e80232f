//! Growth stays as cheap as the inner allocator makes it: that one is asked for just what the program asks
//! for, and reallocates where the program does. Broken by whatever copies in the place of a reallocation.
#![cfg(feature = "profile")]

mod child_process;
#[path = "scenarios/scenario.rs"]
mod scenario;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use alloc_tracer::AllocTracer;
use scenario::{on_threads, survives};

/// Counts the calls by their kind: all, and those with blocks that no mode treats as small, with their bytes.
struct Calls<A> {
    inner: A,
    kinds: [[AtomicU64; 3]; 4],
}

const LARGE: usize = 64 << 10;

impl<A> Calls<A> {
    const fn around(inner: A) -> Calls<A> {
        Calls { inner, kinds: [const { [const { AtomicU64::new(0) }; 3] }; 4] }
    }

    fn count(&self, kind: usize, size: usize) {
        let [all, large, bytes] = &self.kinds[kind];
        all.fetch_add(1, Relaxed);
        if size >= LARGE {
            large.fetch_add(1, Relaxed);
            bytes.fetch_add(size as u64, Relaxed);
        }
    }

    fn now(&self) -> [[u64; 3]; 4] {
        self.kinds.each_ref().map(|kind| kind.each_ref().map(|count| count.load(Relaxed)))
    }
}

// SAFETY: passes every call on to the allocator inside.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Calls<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(0, layout.size());
        // SAFETY: the caller's contract is that of the allocator inside.
        unsafe { self.inner.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(1, layout.size());
        // SAFETY: as above.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.count(2, layout.size());
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count(3, size);
        // SAFETY: as above.
        unsafe { self.inner.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOC: Calls<AllocTracer<Calls<System>>> = Calls::around(AllocTracer::new(Calls::around(System)));

/// What the program asked the tracer for, and the tracer the system.
fn calls() -> [[[u64; 3]; 4]; 2] {
    [ALLOC.now(), ALLOC.inner.inner().now()]
}

/// Vectors, texts, maps and zeroed memory that grow and shrink.
fn grow(bytes: usize) {
    let (chunk, mut pushed) = ([1_u8; 4096], Vec::new());
    while pushed.len() < bytes {
        pushed.extend_from_slice(black_box(&chunk));
    }
    pushed.truncate(bytes / 3);
    pushed.shrink_to_fit();
    assert_eq!(black_box(pushed).len(), bytes / 3);
    let mut text = String::new();
    while text.len() < bytes / 64 {
        text.push_str(black_box("some words and a number "));
    }
    let mut exact = vec![0_u8; 100];
    for step in 1..100 {
        exact.reserve_exact(step * 3000);
        exact.resize(exact.capacity(), 1);
    }
    let map: std::collections::HashMap<usize, [u64; 10]> = (0..20_000).map(|key| (key, [1; 10])).collect();
    assert_eq!(black_box((text, exact, map)).2.len(), 20_000);
}

/// How often the kernel had to give the process a page.
fn page_faults() -> u64 {
    // SAFETY: zeroes are a valid `rusage`, which the call fills.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &raw mut usage), 0);
        usage.ru_minflt.cast_unsigned()
    }
}

#[test]
fn the_inner_allocator_reallocates_where_the_program_does() {
    survives("the_inner_allocator_reallocates_where_the_program_does", || {
        const BYTES: usize = 256 << 20;
        let (before, faults) = (calls(), page_faults());
        on_threads(1, |_| grow(BYTES));
        let [by_program, by_tracer] = {
            let after = calls();
            [0, 1].map(|side: usize| {
                [0, 1, 2, 3].map(|kind: usize| {
                    [0, 1, 2].map(|of: usize| after[side][kind][of] - before[side][kind][of])
                })
            })
        };
        let large = |kinds: [[u64; 3]; 4]| kinds.map(|[_, calls, bytes]| [calls, bytes]);
        assert_eq!(large(by_tracer), large(by_program));
        assert!(by_program[3][1] > 50, "{by_program:?}");
        // A small block at an address where a sampled one may be is exchanged when it grows, which is the same
        // but for the reallocation.
        let [allocated, zeroed, freed, reallocated] =
            [0, 1, 2, 3].map(|kind: usize| i128::from(by_tracer[kind][0]) - i128::from(by_program[kind][0]));
        assert_eq!([allocated, zeroed, freed], [-reallocated, 0, -reallocated]);
        let small = by_program[3][0] - by_program[3][1];
        assert!(allocated * 4 <= i128::from(small), "{allocated} of {small} are exchanged");
        // Pages of a large block move with it. Copied, those of the vector alone would come to twice as many.
        let faults = page_faults() - faults;
        assert!(faults < (BYTES as u64 / 4096) * 3 / 2, "{faults} pages");
    });
}
