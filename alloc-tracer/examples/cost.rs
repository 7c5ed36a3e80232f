//! What the tracer costs on this machine: the same allocator with and without it, in one process, by
//! turns, as medians of ratios. `cargo run --release -p alloc-tracer --example cost`

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::time::{Duration, Instant};

use alloc_tracer::{AllocTracer, Mode};

#[global_allocator]
static TRACED: AllocTracer = AllocTracer::system().off();

/// The program's allocator, as a program calls it.
struct Global;

// SAFETY: passes every call on to the global allocator.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the same.
        unsafe { std::alloc::alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { std::alloc::dealloc(block, layout) }
    }
}

const ROUNDS: usize = 31;

fn main() {
    let modes = [("off", Mode::Off), ("sampled, 512 KiB", Mode::DEFAULT), ("exact", Mode::Exact)];
    println!("median of {ROUNDS} interleaved ratios to the system's allocator (quartiles)");
    for (mode_name, mode) in modes {
        alloc_tracer::set_mode(mode).expect("few intervals are in use");
        let plain: [fn() -> Duration; 2] = [|| pairs(&System), || mix(&System)];
        let traced: [fn() -> Duration; 2] = [|| pairs(&Global), || mix(&Global)];
        for (at, workload) in ["pair", "mix"].into_iter().enumerate() {
            let mut ratios: Vec<f64> = (0..ROUNDS)
                .map(|_| (plain[at](), traced[at]()))
                .map(|(plain, traced)| ratio(traced, plain))
                .collect();
            ratios.sort_by(f64::total_cmp);
            let [low, median, high] = [ROUNDS / 4, ROUNDS / 2, ROUNDS * 3 / 4].map(|at| ratios[at]);
            println!("{mode_name:>16}  {workload:<4}  {median:.2}  ({low:.2} to {high:.2})");
        }
    }
}

fn ratio(traced: Duration, plain: Duration) -> f64 {
    traced.as_secs_f64() / plain.as_secs_f64()
}

/// Allocates and frees 64 bytes in a tight loop: the most that the tracer can cost.
fn pairs(allocator: &impl GlobalAlloc) -> Duration {
    let layout = Layout::new::<[u64; 8]>();
    let start = Instant::now();
    for _ in 0..200_000 {
        // SAFETY: the layout has a size, and each block is given back once, with its layout.
        unsafe { allocator.dealloc(black_box(allocator.alloc(layout)), layout) };
    }
    start.elapsed()
}

/// Replaces one of 20,000 live blocks of 16 B to 8 KiB at random, and writes its first byte.
fn mix(allocator: &impl GlobalAlloc) -> Duration {
    let mut random = 1_u64;
    let mut next = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize
    };
    let fresh = |size: usize| {
        let layout = Layout::from_size_align(size, 8).expect("a small size is a layout");
        // SAFETY: the layout has a size; the block has at least 16 bytes.
        unsafe {
            let block = allocator.alloc(layout);
            block.write(1);
            (block, layout)
        }
    };
    let mut live: Vec<_> = (0..20_000).map(|_| fresh(16 + next() % 8177)).collect();
    let start = Instant::now();
    for _ in 0..100_000 {
        let (at, size) = (next() % live.len(), 16 + next() % 8177);
        let (block, layout) = std::mem::replace(&mut live[at], fresh(size));
        // SAFETY: the block was live, and is given back once, with its layout.
        unsafe { allocator.dealloc(block, layout) };
    }
    let elapsed = start.elapsed();
    for (block, layout) in live {
        // SAFETY: as above.
        unsafe { allocator.dealloc(block, layout) };
    }
    elapsed
}
