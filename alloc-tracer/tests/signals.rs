//! A signal handler that allocates, at a high rate, in the middle of anything: nothing hangs, and every
//! block is counted and attributed. The inner allocator must be fit for signal handlers for that,
//! which the system's is not.

mod bump_room;
mod independent_count;

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use alloc_tracer::AllocTracer;
use independent_count::{Counting, Truth};

/// Takes memory from the front of a large mapping, for ever.
struct Bump;

// SAFETY: every block is a fresh part of the mapping, aligned as asked.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let room = layout.size() + layout.align();
        let start = bump_room::take(room);
        start.next_multiple_of(layout.align()) as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOC: Counting<AllocTracer<Bump>> = Counting(AllocTracer::new(Bump).exact());

static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_signal(_: i32) {
    let n = SIGNALS.fetch_add(1, Relaxed);
    let kept = Box::new([n; 4]);
    drop(std::hint::black_box(vec![1_u8; 50]));
    if n.is_multiple_of(2) {
        std::mem::forget(kept);
    }
}

fn main() {
    every_block_of_a_handler_is_counted_and_attributed();
    println!("signals: ok");
}

fn every_block_of_a_handler_is_counted_and_attributed() {
    let before = alloc_tracer::snapshot();
    let (stats_before, truth_before) = (alloc_tracer::stats(), Truth::now());
    // SAFETY: the handler allocates from `Bump`, which is only atomics, and the timer is this test's own.
    unsafe {
        libc::signal(libc::SIGALRM, on_signal as extern "C" fn(i32) as usize);
        let every = libc::timeval { tv_sec: 0, tv_usec: 50 };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
    let mut kept = Vec::new();
    while SIGNALS.load(Relaxed) < 3000 {
        kept.push(vec![0_u8; 1 + kept.len() % 64]);
        if kept.len() > 1000 {
            kept.clear();
        }
    }
    // SAFETY: a zero timer stops it.
    unsafe {
        let never: libc::itimerval = std::mem::zeroed();
        libc::setitimer(libc::ITIMER_REAL, &raw const never, std::ptr::null_mut());
        libc::signal(libc::SIGALRM, libc::SIG_IGN);
    }
    let (truth, stats) = (Truth::now().since(&truth_before), alloc_tracer::stats());
    let after = alloc_tracer::snapshot();

    assert_eq!(Truth::by_tracer(&stats_before, &stats), truth);
    let held = |snapshot: &alloc_tracer::Snapshot| -> f64 {
        snapshot.sites().map(|site| site.values.inuse_space.value).sum()
    };
    assert_eq!(held(&after) - held(&before), truth.live_bytes as f64);
    assert_eq!(stats.lost_blocks, 0);
    eprintln!("{} signals, {} of them inside the recorder", SIGNALS.load(Relaxed), stats.reentries);
}
