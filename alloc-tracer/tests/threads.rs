//! A hundred thousand threads leave memory flat, and operations in the last moments of a
//! thread, after its state was handed on, are counted and recorded like all others.

mod independent_count;

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use alloc_tracer::AllocTracer;
use independent_count::{Counting, Truth};

#[global_allocator]
static ALLOC: Counting<AllocTracer> = Counting(AllocTracer::system().exact());

const AT_ONCE: usize = 8;

fn main() {
    a_hundred_thousand_threads_leave_memory_flat();
    destructors_of_a_thread_are_counted_and_recorded();
    println!("threads: ok");
}

fn a_hundred_thousand_threads_leave_memory_flat() {
    // As many at one time as there may ever be below; short threads seldom overlap.
    let all_at_once = std::sync::Arc::new(std::sync::Barrier::new(AT_ONCE));
    let wave: [_; AT_ONCE] = std::array::from_fn(|_| {
        let all_at_once = all_at_once.clone();
        std::thread::spawn(move || all_at_once.wait().is_leader())
    });
    let leaders = wave.into_iter().filter_map(|thread| thread.join().ok()).filter(|leads| *leads);
    assert_eq!(leaders.count(), 1);
    let before = Truth::now();
    let start = alloc_tracer::stats();
    let run = |threads: usize| {
        for _ in 0..threads / AT_ONCE {
            let wave: [_; AT_ONCE] =
                std::array::from_fn(|_| std::thread::spawn(|| std::hint::black_box(vec![1_u8; 100]).len()));
            wave.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), 100));
        }
        (alloc_tracer::stats(), Truth::now(), resident_bytes())
    };
    let (early, _, early_resident) = run(10_000);
    let (late, after, late_resident) = run(90_000);
    // A few more than those of a wave may be on their way out.
    let states = late.peak_error_bytes / (64 << 10);
    assert!(states <= 4 * AT_ONCE as u64, "{states} thread states for {AT_ONCE} threads at once");
    let mapped = late.tracer_mapped_bytes - early.tracer_mapped_bytes;
    assert!(mapped <= 256 << 10, "90,000 threads more cost {mapped} bytes of the tracer's");
    let resident = late_resident.saturating_sub(early_resident);
    assert!(resident <= 2 << 20, "90,000 threads more cost {resident} resident bytes");
    assert_eq!(Truth::by_tracer(&start, &late), after.since(&before));
    assert_eq!((late.live_blocks, late.lost_blocks), (early.live_blocks, 0));
}

/// The memory that the process takes up, by the kernel's account.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    // SAFETY: asks for a number.
    resident * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64
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
