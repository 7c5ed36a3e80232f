//! Refusals do not bias the samples, and what the system refuses for its size changes no number. What becomes of
//! the blocks is in `refused_calls.rs`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use alloc_tracer::{AllocTracer, Mode};

struct Refusing;

static REFUSE: AtomicBool = AtomicBool::new(false);

fn unless_refused(call: impl FnOnce() -> *mut u8) -> *mut u8 {
    if REFUSE.load(Relaxed) { std::ptr::null_mut() } else { call() }
}

// SAFETY: the system's allocator, or null, which every caller must expect.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the system allocator's.
        unless_refused(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unless_refused(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unless_refused(|| unsafe { System.realloc(block, layout, size) })
    }
}

#[global_allocator]
static ALLOC: AllocTracer<Refusing> = AllocTracer::new(Refusing).exact();

fn main() {
    refusals_do_not_bias_the_samples();
    alloc_tracer::set_mode(Mode::Exact).expect("few intervals are in use");
    odd_layouts_are_exact();
    println!("failing_inner: ok");
}

/// Every other allocation is refused: those that succeed are sampled as often as if there were no others.
fn refusals_do_not_bias_the_samples() {
    alloc_tracer::set_mode(Mode::Sampled { interval_bytes: 4096 }).expect("few intervals are in use");
    let sampled = || {
        let snapshot = alloc_tracer::snapshot();
        let sites = snapshot.sites().map(|site| site.values.alloc_objects);
        sites.fold((0.0, 0.0), |(value, variance), more| (value + more.value, variance + more.variance))
    };
    for size in [200, 4000] {
        let layout = Layout::from_size_align(size, 8).unwrap();
        let before = sampled();
        let rounds = 40_000;
        for _ in 0..rounds {
            REFUSE.store(true, Relaxed);
            // SAFETY: the layout has a size; the block that is handed out is given back with it.
            unsafe {
                let refused = black_box(std::alloc::alloc(layout));
                REFUSE.store(false, Relaxed);
                assert!(refused.is_null());
                std::alloc::dealloc(black_box(std::alloc::alloc(layout)), layout);
            }
        }
        let after = sampled();
        let errors = (after.0 - before.0 - f64::from(rounds)) / (after.1 - before.1).sqrt();
        assert!(errors.abs() < 6.0, "{size} bytes: {errors} standard errors off");
    }
}

fn odd_layouts_are_exact() {
    let live = || alloc_tracer::stats().live_bytes;
    for (size, align) in [(1, 1), (1, 4096), (100, 1 << 22), (1 << 40, 1), ((1 << 46) + 1, 1), (3, 2)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        let before = live();
        // SAFETY: the layout has a size; a block that was handed out is given back with its layout.
        unsafe {
            let block = std::alloc::alloc(layout);
            if block.is_null() {
                assert_eq!(live(), before, "{layout:?} was refused");
                continue;
            }
            assert_eq!(live() - before, size as u64, "{layout:?}");
            assert_eq!(block as usize % align, 0);
            std::alloc::dealloc(block, layout);
        }
        assert_eq!(live(), before, "{layout:?}");
    }
}
