//! A signal handler that frees and allocates between any two instructions of the hook: every block goes back
//! by the layout it was asked with, and all totals and what is in use are exact to the byte.
#![cfg(all(feature = "profile", target_arch = "x86_64"))]

mod bump_room;
mod child_process;
mod independent_count;

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use alloc_tracer::AllocTracer;
use bump_room::{Bump, WRONG_LAYOUTS};
use child_process::{output_within_a_minute, plays, role};
use independent_count::{Counting, Truth};

#[global_allocator]
static ALLOC: Counting<AllocTracer<Bump>> = Counting(AllocTracer::new(Bump));

static STEPS: AtomicUsize = AtomicUsize::new(0);
static IS_STEPPING: AtomicBool = AtomicBool::new(false);
/// Blocks that the handler frees, one each time.
static POOL: OnceLock<Vec<usize>> = OnceLock::new();

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a small size is a layout")
}

extern "C" fn on_trap(_: i32) {
    if !IS_STEPPING.load(Relaxed) {
        return;
    }
    let step = STEPS.fetch_add(1, Relaxed);
    // SAFETY: the layouts have sizes; the pool's blocks are of 40 bytes, each is freed once; `Bump` may be
    // interrupted anywhere.
    unsafe {
        if let Some(block) = POOL.get().and_then(|pool| pool.get(step)) {
            dealloc(*block as *mut u8, layout(40));
        }
        let block = black_box(alloc(layout(24)));
        black_box(alloc(layout(72)));
        if step.is_multiple_of(3) {
            dealloc(block, layout(24));
        }
    }
}

#[inline(never)]
fn work(rounds: usize) {
    for round in 0..rounds {
        let size = 1 + round * 677 % 3000;
        // SAFETY: the layouts have sizes, and every block is given back with the one it has, if at all.
        unsafe {
            let block = black_box(alloc(layout(size)));
            let grown = black_box(realloc(block, layout(size), 2 * size));
            if round % 4 != 0 {
                dealloc(grown, layout(2 * size));
            }
            if round % 8 == 0 {
                dealloc(black_box(alloc(layout(40_000))), layout(40_000));
            }
        }
    }
}

#[test]
fn stepped() {
    if !plays("stepped") {
        return;
    }
    // SAFETY: the layout has a size.
    POOL.get_or_init(|| (0..1 << 20).map(|_| unsafe { alloc(layout(40)) } as usize).collect());
    work(50);
    let held = |snapshot: &alloc_tracer::Snapshot| -> f64 {
        snapshot.sites().map(|site| site.values.inuse_space.value).sum()
    };
    let before = held(&alloc_tracer::snapshot());
    let (stats_before, truth_before) = (alloc_tracer::stats(), Truth::now());
    // SAFETY: the handler has the type that it is installed with, and zeroes are a valid `sigaction`. The trap
    // flag makes the processor stop after each instruction, until it is cleared.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_trap as extern "C" fn(i32) as usize;
        libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut());
        IS_STEPPING.store(true, Relaxed);
        std::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq");
        work(30);
        IS_STEPPING.store(false, Relaxed);
        std::arch::asm!("pushfq", "and qword ptr [rsp], -257", "popfq");
    }
    let (truth, stats) = (Truth::now().since(&truth_before), alloc_tracer::stats());
    let held = held(&alloc_tracer::snapshot()) - before;
    let steps = STEPS.load(Relaxed);
    assert!(steps > 10_000, "{steps} instructions were interrupted");
    assert_eq!(WRONG_LAYOUTS.load(Relaxed), 0);
    assert_eq!(Truth::by_tracer(&stats_before, &stats), truth);
    assert_eq!(stats.lost_blocks, 0);
    let is_exact = alloc_tracer::mode() == alloc_tracer::Mode::Exact;
    assert!(!is_exact || held == truth.live_bytes as f64, "{held} {truth:?}");
}

#[test]
fn a_handler_between_any_two_instructions_breaks_nothing() {
    for mode in [
        "mode=exact",
        "mode=exact,blocks=listed",
        "mode=sampled,interval=40k",
        "mode=sampled,interval=1k",
        "mode=off",
    ] {
        let output = output_within_a_minute(role("stepped", mode));
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {} {text}", output.status);
    }
}
