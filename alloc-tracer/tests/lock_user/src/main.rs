//! A program that uses the very parking_lot that the tracer uses, heavily: locks that are fought for, threads
//! that park for the first time (for which parking_lot allocates with its own locks held), snapshots
//! meanwhile, and the search for deadlocks where it is built with it. Run by the tracer's test `locks`.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use alloc_tracer::AllocTracer;
use parking_lot::{Condvar, Mutex, MutexGuard, ReentrantMutex, RwLock};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

static LIST: Mutex<Vec<String>> = Mutex::new(Vec::new());
static MAP: RwLock<Option<HashMap<usize, String>>> = RwLock::new(None);
static TURN: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());
static NESTED: ReentrantMutex<()> = ReentrantMutex::new(());
static STOP: AtomicBool = AtomicBool::new(false);

const WAVES: usize = 10;
const THREADS: usize = 24;
const STEPS: usize = 20;

/// Each thread of a wave takes its turn after the one before it, and fights for the other locks.
fn work(number: usize) {
    for step in 0..STEPS {
        LIST.lock().push(step.to_string());
        let mut map = MAP.write();
        map.get_or_insert_default().insert(number * STEPS + step, format!("{number} {step}"));
        drop(map);
        let _outer = NESTED.lock();
        let _inner = NESTED.lock();
        black_box(MAP.read().as_ref().map(HashMap::len));
        if step.is_multiple_of(5) {
            MutexGuard::unlock_fair(LIST.lock());
        }
    }
    let mut turn = TURN.0.lock();
    while *turn % THREADS != number {
        TURN.1.wait(&mut turn);
    }
    *turn += 1;
    TURN.1.notify_all();
}

/// Takes snapshots, and looks for deadlocks.
fn watch() {
    while !STOP.load(Relaxed) {
        black_box(alloc_tracer::snapshot().sites().count());
        assert_eq!(deadlocked_threads(), 0);
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(feature = "deadlock-detection")]
fn deadlocked_threads() -> usize {
    parking_lot::deadlock::check_deadlock().iter().map(Vec::len).sum()
}

#[cfg(not(feature = "deadlock-detection"))]
fn deadlocked_threads() -> usize {
    0
}

/// Two threads that wait for each other for ever are found, with the tracer's stacks and the detector's.
#[cfg(feature = "deadlock-detection")]
fn a_deadlock_is_found() {
    static PAIR: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];
    static BOTH: std::sync::Barrier = std::sync::Barrier::new(2);
    for first in 0..2 {
        std::thread::spawn(move || {
            let _first = PAIR[first].lock();
            BOTH.wait();
            let _second = PAIR[1 - first].lock();
        });
    }
    while deadlocked_threads() != 2 {
        std::thread::sleep(Duration::from_millis(2));
    }
    println!("lock user: the deadlock was found");
}

fn main() {
    let watcher = std::thread::spawn(watch);
    for _ in 0..WAVES {
        let threads: Vec<_> = (0..THREADS).map(|number| std::thread::spawn(move || work(number))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
    STOP.store(true, Relaxed);
    watcher.join().unwrap();
    assert_eq!(LIST.lock().len(), WAVES * THREADS * STEPS);
    assert_eq!(MAP.read().as_ref().map(HashMap::len), Some(THREADS * STEPS));
    assert_eq!(*TURN.0.lock(), WAVES * THREADS);
    #[cfg(feature = "deadlock-detection")]
    a_deadlock_is_found();
    let stats = alloc_tracer::stats();
    assert_eq!((stats.reentries, stats.lost_blocks), (0, 0), "{stats:?}");
    println!("lock user: ok");
    std::process::exit(0);
}
