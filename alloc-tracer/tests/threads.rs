//! Threads by the thousand leave the tracer's memory flat, and operations in the last moments of a
//! thread, after its state was handed on, are counted and recorded like all others.

mod independent_count;

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use alloc_tracer::AllocTracer;
use independent_count::{Counting, Truth};

#[global_allocator]
static ALLOC: AllocTracer<Counting> = AllocTracer::new(Counting).exact();

fn main() {
    ten_thousand_threads_leave_the_tracers_memory_flat();
    destructors_of_a_thread_are_counted_and_recorded();
    println!("threads: ok");
}

fn ten_thousand_threads_leave_the_tracers_memory_flat() {
    let run = |threads: usize| {
        for _ in 0..threads / 4 {
            let four = [0; 4].map(|_| std::thread::spawn(|| std::hint::black_box(vec![1_u8; 100]).len()));
            four.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), 100));
        }
        alloc_tracer::stats()
    };
    let early = run(400);
    let (before, late, after) = (Truth::now(), run(10_000), Truth::now());
    // Four threads run at once; a few more may be on their way out.
    let states = late.peak_error_bytes / (64 << 10);
    assert!(states <= 16, "{states} thread states for four threads at once");
    let grown = late.tracer_mapped_bytes - early.tracer_mapped_bytes;
    assert!(grown <= 256 << 10, "10,000 threads cost {grown} bytes");
    assert_eq!(Truth::by_tracer(&early, &late), after.since(&before));
    assert_eq!(late.live_blocks, early.live_blocks);
}

/// Allocates and frees while its thread's locals are being destroyed.
struct Late(Vec<u8>);

static LATE_DROPS: AtomicUsize = AtomicUsize::new(0);

impl Drop for Late {
    fn drop(&mut self) {
        let mut scratch: Vec<u8> = vec![0; 1000];
        scratch.resize(5000, 1);
        std::hint::black_box(&scratch);
        self.0 = vec![2; 300];
        LATE_DROPS.fetch_add(1, Relaxed);
    }
}

thread_local! {
    static FIRST: RefCell<Option<Late>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<Late>> = const { RefCell::new(None) };
}

extern "C" fn key_destructor(value: *mut core::ffi::c_void) {
    // SAFETY: the value is the box that `destructors_...` leaked into the key, given back once.
    let late = unsafe { Box::from_raw(value.cast::<Late>()) };
    drop(late);
    std::mem::forget(std::hint::black_box(vec![3_u8; 77_777]));
}

fn destructors_of_a_thread_are_counted_and_recorded() {
    // Keys are destroyed in the order of their numbers: this one after the tracer's own, and, by a
    // second round of destructors, after it was handed on.
    let mut key = 0;
    // SAFETY: the pointer is valid; the destructor is a function.
    assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(key_destructor)) }, 0);
    let before = alloc_tracer::snapshot();
    let (truth_before, stats_before) = (Truth::now(), alloc_tracer::stats());
    for _ in 0..50 {
        let thread = std::thread::spawn(move || {
            FIRST.set(Some(Late(vec![1; 10])));
            SECOND.set(Some(Late(vec![1; 20])));
            let boxed = Box::into_raw(Box::new(Late(vec![1; 30])));
            // SAFETY: the key exists.
            assert_eq!(unsafe { libc::pthread_setspecific(key, boxed.cast()) }, 0);
        });
        thread.join().unwrap();
    }
    let (truth, stats) = (Truth::now().since(&truth_before), alloc_tracer::stats());
    let after = alloc_tracer::snapshot();
    assert_eq!(LATE_DROPS.load(Relaxed), 150);
    assert_eq!(Truth::by_tracer(&stats_before, &stats), truth);
    assert_eq!(truth.live_bytes, 50 * 77_777);
    let held = |snapshot: &alloc_tracer::Snapshot| -> f64 {
        snapshot.sites().map(|site| site.values.inuse_space.value).sum()
    };
    assert_eq!(held(&after) - held(&before), 50.0 * 77_777.0);
    assert_eq!((stats.reentries, stats.lost_blocks), (0, 0));
}
