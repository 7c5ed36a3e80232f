//! Signal handlers that allocate: by timers and by storms of `pthread_kill`, on the interrupted stack and on
//! a stack of their own, while their threads allocate and others take snapshots.

use std::hint::black_box;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::independent_count::Truth;
use crate::scenario::{Books, on_threads, rounds, survives_interruptions};

const THREADS: usize = 4;

static BY_TIMER: AtomicU64 = AtomicU64::new(0);
static BY_STORM: AtomicU64 = AtomicU64::new(0);

fn work(n: u64) {
    let kept = Box::new([n; 4]);
    drop(black_box(vec![1_u8; 50]));
    let mut grown = black_box(vec![2_u8; 1 + n as usize % 300]);
    grown.reserve_exact(500);
    if n.is_multiple_of(2) {
        mem::forget(kept);
    }
}

extern "C" fn on_timer(_: i32) {
    work(BY_TIMER.fetch_add(1, Relaxed));
}

extern "C" fn on_storm(_: i32) {
    work(BY_STORM.fetch_add(1, Relaxed));
}

fn handle(signal: i32, handler: extern "C" fn(i32), flags: i32) {
    // SAFETY: zeroes are a valid `sigaction`; the handler has the type that it is installed with, and calls
    // nothing but the allocator, which is only atomics.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = flags | libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &raw const action, ptr::null_mut()), 0);
    }
}

/// A timer that interrupts the calling thread as often as the kernel will.
fn timer() -> libc::timer_t {
    // SAFETY: zeroes are valid for both structures, whose pointers are valid.
    unsafe {
        let mut event: libc::sigevent = mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        event.sigev_notify_thread_id = libc::gettid();
        let mut timer = ptr::null_mut();
        assert_eq!(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer), 0);
        let every = libc::timespec { tv_sec: 0, tv_nsec: 50_000 };
        let times = libc::itimerspec { it_interval: every, it_value: every };
        assert_eq!(libc::timer_settime(timer, 0, &raw const times, ptr::null_mut()), 0);
        timer
    }
}

/// Allocates on a thread with a timer and a signal stack until both kinds of signals were often enough.
fn be_interrupted(signals: u64, handles: &[AtomicUsize], number: usize) {
    let mut stack = vec![0_u8; 64 << 10];
    let mut old = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    let own = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the stack outlives its use.
    assert_eq!(unsafe { libc::sigaltstack(&raw const own, &raw mut old) }, 0);
    // SAFETY: asks for a number.
    handles[number].store(unsafe { libc::pthread_self() } as usize, Relaxed);
    let timer = timer();
    let mut kept = Vec::new();
    while BY_TIMER.load(Relaxed) < signals || BY_STORM.load(Relaxed) < signals {
        kept.push(vec![0_u8; 1 + kept.len() % 64]);
        if kept.len() > 1000 {
            kept.clear();
        }
    }
    handles[number].store(0, Relaxed);
    // SAFETY: the timer is this thread's own, and the old stack is still there.
    unsafe {
        libc::timer_delete(timer);
        libc::sigaltstack(&raw const old, ptr::null_mut());
    }
}

/// Signals each thread again and again, and looks at what was recorded in between.
fn storm(signals: u64, handles: &[AtomicUsize]) {
    while BY_TIMER.load(Relaxed) < signals || BY_STORM.load(Relaxed) < signals {
        for handle in handles.iter().map(|handle| handle.load(Relaxed)).filter(|handle| *handle != 0) {
            // SAFETY: a thread ends only after this function, whose caller waits for it.
            unsafe { libc::pthread_kill(handle as libc::pthread_t, libc::SIGUSR1) };
        }
        black_box(alloc_tracer::stats());
    }
}

#[test]
fn every_block_of_a_handler_is_counted_and_attributed() {
    survives_interruptions("signals::every_block_of_a_handler_is_counted_and_attributed", || {
        handle(libc::SIGALRM, on_timer, 0);
        handle(libc::SIGUSR1, on_storm, libc::SA_ONSTACK);
        let books = Books::open();
        let before = (alloc_tracer::stats(), Truth::now());
        let signals = rounds(1000, 20_000) as u64;
        let handles = [const { AtomicUsize::new(0) }; THREADS];
        let done = std::sync::Barrier::new(THREADS + 1);
        on_threads(THREADS + 1, |number| {
            if number < THREADS {
                be_interrupted(signals, &handles, number)
            } else {
                storm(signals, &handles)
            }
            done.wait();
        });
        crate::all_is_booked(&books, before);
        assert!(BY_TIMER.load(Relaxed) >= signals && BY_STORM.load(Relaxed) >= signals);
    });
}
