//! Children that the C library knows nothing of, of a program whose threads allocate: a copy of the process,
//! without handlers that run around a fork; and one that shares its parent's memory and thread.

use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::independent_count::Truth;
use crate::scenario::{Books, rounds, survives};

fn churn(stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        for _ in 0..100 {
            black_box(vec![vec![0_u8; 10]; 5]);
        }
        // The allocator never takes memory back, and each child copies what describes it.
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// Runs `act` while three threads allocate.
fn beside_others(act: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let others = [(); 3].map(|()| scope.spawn(|| churn(&stop)));
        act();
        stop.store(true, Relaxed);
        others.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// What a child does with the memory that it found and with more.
fn work(parents: Vec<Vec<u8>>) {
    drop(black_box(parents));
    for size in 1..200 {
        let mut block = black_box(vec![1_u8; size * 50]);
        block.reserve_exact(size * 70);
        drop(black_box(block));
    }
}

fn blocks() -> Vec<Vec<u8>> {
    (1..100).map(|size| vec![4; size * 100]).collect()
}

fn ended_well(child: libc::pid_t) -> bool {
    let mut status = -1;
    // SAFETY: `status` is valid for the write.
    unsafe { libc::waitpid(child, &raw mut status, 0) == child && status == 0 }
}

#[test]
fn copies_of_the_process() {
    survives("clones::copies_of_the_process", || {
        let books = Books::open();
        let before = (alloc_tracer::stats(), Truth::now());
        beside_others(|| {
            for _ in 0..rounds(60, 200) {
                let parents = blocks();
                let none = ptr::null_mut::<c_void>();
                // SAFETY: without a stack of its own and without flags the child is a copy of the process; it
                // calls nothing but the allocator, which is only atomics, and ends where it stands.
                unsafe {
                    match libc::syscall(libc::SYS_clone, libc::SIGCHLD, none, none, none, none) {
                        0 => {
                            // A child that hangs is killed, which its parent sees.
                            libc::alarm(20);
                            work(parents);
                            libc::syscall(libc::SYS_exit_group, 0);
                        }
                        child => assert!(ended_well(child as libc::pid_t)),
                    }
                }
            }
        });
        crate::all_is_booked(&books, before);
    });
}

extern "C" fn live_on_the_parents_memory(parents: *mut c_void) -> i32 {
    // SAFETY: the parent, which waits, passes a vector that it takes back empty.
    work(std::mem::take(unsafe { &mut *parents.cast::<Vec<Vec<u8>>>() }));
    std::mem::forget(black_box(vec![6_u8; 999]));
    0
}

#[test]
fn children_on_the_parents_memory() {
    survives("clones::children_on_the_parents_memory", || {
        let books = Books::open();
        let before = (alloc_tracer::stats(), Truth::now());
        beside_others(|| {
            let mut stack = vec![0_u128; 8 << 10];
            for _ in 0..rounds(60, 200) {
                let mut parents = blocks();
                let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
                // SAFETY: the child runs on a stack of its own, whose end this is, while its parent waits.
                let child = unsafe {
                    let top = stack.as_mut_ptr().add(stack.len()).cast();
                    libc::clone(live_on_the_parents_memory, top, flags, (&raw mut parents).cast())
                };
                assert!(ended_well(child) && parents.is_empty());
            }
        });
        crate::all_is_booked(&books, before);
    });
}
