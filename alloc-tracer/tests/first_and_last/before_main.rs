//! Constructors that allocate and start a thread, before and after the tracer has read the environment.

use std::ffi::CStr;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use crate::scenario::survives;

pub(crate) const NAME: &str = "before_main::threads_and_blocks";

/// What a constructor leaves to main.
struct Left {
    thread: JoinHandle<u64>,
    blocks: Vec<Vec<u8>>,
}

static LEFT: Mutex<Vec<Left>> = Mutex::new(Vec::new());
static STOP: AtomicBool = AtomicBool::new(false);
static ROUNDS: AtomicU64 = AtomicU64::new(0);

/// Before the tracer's own constructor, whose number is 101.
#[used]
#[unsafe(link_section = ".init_array.00050")]
static EARLY: extern "C" fn() = construct;

/// After it: those without a number come last.
#[used]
#[unsafe(link_section = ".init_array")]
static LATE: extern "C" fn() = construct;

extern "C" fn construct() {
    if !is_role(NAME) {
        return;
    }
    let blocks = (1..500).map(|size| vec![size as u8; size * 100]).collect();
    let churn = || {
        while !STOP.load(Relaxed) {
            let mut block = black_box(vec![3_u8; 700]);
            block.extend_from_slice(&[4; 700]);
            drop(black_box(block));
            ROUNDS.fetch_add(1, Relaxed);
        }
        ROUNDS.load(Relaxed)
    };
    LEFT.lock().unwrap().push(Left { thread: std::thread::spawn(churn), blocks });
}

/// Whether this process plays the scenario of this name; allocates nothing.
fn is_role(name: &str) -> bool {
    // SAFETY: the name is a C string; before main nobody changes the environment.
    let role = unsafe { libc::getenv(c"ALLOC_TRACER_TEST_ROLE".as_ptr()) };
    // SAFETY: what is not null is a C string that lives as long as the environment.
    !role.is_null() && unsafe { CStr::from_ptr(role) }.to_bytes() == name.as_bytes()
}

pub(crate) fn threads_and_blocks() {
    survives(NAME, || {
        let left = std::mem::take(&mut *LEFT.lock().unwrap());
        assert_eq!(left.len(), 2);
        let so_far = ROUNDS.load(Relaxed);
        while ROUNDS.load(Relaxed) < so_far + 1000 {
            std::thread::yield_now();
        }
        STOP.store(true, Relaxed);
        for Left { thread, blocks } in left {
            assert!(thread.join().unwrap() >= 1000);
            for (size, mut block) in (1..500).zip(blocks) {
                assert_eq!(block, vec![size as u8; size * 100]);
                block.reserve_exact(10_000);
                drop(black_box(block));
            }
        }
        crate::all_is_counted();
    });
}
