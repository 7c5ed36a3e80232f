//! Totals that are asked for while other threads allocate: what is live is off by no more than the
//! stated bound, and the peak is not raised by the asking.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

const BLOCK: usize = 100 << 10;
const THREADS: usize = 3;

fn main() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let before = alloc_tracer::stats().live_bytes;
    let churn = || {
        while !STOP.load(Relaxed) {
            std::hint::black_box(Vec::<u8>::with_capacity(BLOCK));
        }
    };
    let threads: Vec<_> = (0..THREADS).map(|_| std::thread::spawn(churn)).collect();
    let start = Instant::now();
    let mut most = 0;
    while start.elapsed() < Duration::from_millis(700) {
        most = most.max(alloc_tracer::stats().live_bytes);
    }
    let stats = alloc_tracer::stats();
    STOP.store(true, Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());

    // One block per thread is live at most, beside what the test itself holds.
    let truth = before + (THREADS * BLOCK) as u64 + 64 * 1024;
    assert!(most <= truth + stats.peak_error_bytes, "{most} live of {truth} at most; {stats:?}");
    assert!(stats.peak_live_bytes <= truth + stats.peak_error_bytes, "{truth} {stats:?}");
    assert!(stats.total_bytes > 1 << 30, "the threads did allocate: {stats:?}");
    println!("under_load: ok");
}
