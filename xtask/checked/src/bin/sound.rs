//! A program without a fault that uses all of the tracer: blocks that threads hand each other, threads that
//! come and go, reallocations, large and aligned blocks, changes of mode, listings while all of it runs.
//! Whatever a checker reports here is the tracer's.

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};

use alloc_tracer::{AllocTracer, Mode};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

const SLOTS: usize = 64;
/// One size, so that whoever takes a block out of a slot knows its layout.
const LAYOUT: Layout = Layout::new::<[u64; 9]>();

/// Blocks on their way from thread to thread.
static SLOTS_OF_BLOCKS: [AtomicPtr<u8>; SLOTS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; SLOTS];
static IS_OVER: AtomicBool = AtomicBool::new(false);

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(5_000);
    let before = alloc_tracer::stats();
    let mut threads = Threads::default();
    for seed in 1..4 {
        threads.start(work, ((seed * 1_000_003) << 20) | rounds);
    }
    let mut onlooker = Threads::default();
    onlooker.start(look, 0);
    threads.join(3);
    for n in 0..100 {
        threads.start(work, (n << 20) | 20);
        threads.join(1);
    }
    change_modes(rounds.min(3_000));
    IS_OVER.store(true, Release);
    onlooker.join(1);
    for slot in &SLOTS_OF_BLOCKS {
        give_back(slot.swap(std::ptr::null_mut(), AcqRel));
    }
    let after = alloc_tracer::stats();
    assert_eq!((after.reentries, after.lost_blocks, after.stack_mismatches), (0, 0, 0), "{after:?}");
    let allocations = after.allocations - before.allocations;
    assert!(allocations > rounds as u64, "{after:?}");
    println!("{allocations} allocations");
}

/// Exchanges blocks for new ones in slots that other threads use too, and keeps some to itself.
extern "C" fn work(argument: *mut libc::c_void) -> *mut libc::c_void {
    let (mut random, rounds) = (argument.addr() as u64 | 1, argument.addr() & 0xf_ffff);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for round in 0..rounds {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let slot = &SLOTS_OF_BLOCKS[(random >> 32) as usize % SLOTS];
        // SAFETY: the layout has a size.
        let block = unsafe { ALLOC.alloc(LAYOUT) };
        assert!(!block.is_null());
        // SAFETY: the block has nine words.
        unsafe { block.cast::<u64>().write(random) };
        give_back(slot.swap(block, AcqRel));
        match random % 16 {
            0 => kept.clear(),
            1 => kept.push(black_box(vec![1; 40 << 10])),
            2 => kept.iter_mut().for_each(|block| block.push(2)),
            _ => kept.push(black_box(Vec::with_capacity(round % 700))),
        }
        if kept.len() > 100 {
            kept.truncate(50);
        }
    }
    std::ptr::null_mut()
}

fn give_back(block: *mut u8) {
    if !block.is_null() {
        // SAFETY: whoever put it into the slot wrote it, and it was taken out just now.
        unsafe {
            black_box(block.cast::<u64>().read());
            ALLOC.dealloc(block, LAYOUT);
        }
    }
}

/// Lists what is live until all is over.
extern "C" fn look(_: *mut libc::c_void) -> *mut libc::c_void {
    let mut seen = 0;
    while !IS_OVER.load(Acquire) {
        seen += alloc_tracer::snapshot().sites().count() + alloc_tracer::stats().allocations as usize;
        // valgrind runs one thread at a time.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    black_box(seen);
    std::ptr::null_mut()
}

fn change_modes(rounds: usize) {
    let mut threads = Threads::default();
    threads.start(work, (77 << 20) | rounds);
    for interval_bytes in [1 << 10, 512 << 10] {
        for mode in [Mode::Sampled { interval_bytes }, Mode::Off, Mode::Exact] {
            alloc_tracer::set_mode(mode).expect("there is room for two intervals");
            black_box((0..500).map(|n| vec![0_u8; n]).collect::<Vec<_>>());
        }
    }
    threads.join(1);
}

/// Threads of the system's own: a checker that does not see into std knows when they begin and end.
#[derive(Default)]
struct Threads(Vec<libc::pthread_t>);

impl Threads {
    fn start(&mut self, act: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void, argument: usize) {
        let mut id = 0;
        // SAFETY: the function lives for ever and takes its argument for a number.
        let failed = unsafe {
            libc::pthread_create(
                &raw mut id,
                std::ptr::null(),
                act,
                std::ptr::without_provenance_mut(argument),
            )
        };
        assert_eq!(failed, 0);
        self.0.push(id);
    }

    /// Waits for the oldest ones.
    fn join(&mut self, count: usize) {
        for id in self.0.drain(..count.min(self.0.len())).collect::<Vec<_>>() {
            // SAFETY: it was started and not waited for.
            assert_eq!(unsafe { libc::pthread_join(id, std::ptr::null_mut()) }, 0);
        }
    }
}
