//! What each thread is up to inside the hostile allocator: when it stops, and which of its calls are refused. Chosen
//! by random numbers that start from a printed seed. Threads that asked for nothing are served at once.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

struct Thread {
    ordinal: Cell<usize>,
    random: Cell<u64>,
    is_inside: Cell<bool>,
    /// One call in so many is refused, at random; none if 0. Then the thread stops at random as well.
    refused_one_in: Cell<u64>,
    /// How many calls from now one is refused: 1 for the next, 0 for none.
    refused_next: Cell<u64>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            ordinal: Cell::new(0),
            random: Cell::new(0),
            is_inside: Cell::new(false),
            refused_one_in: Cell::new(0),
            refused_next: Cell::new(0),
        }
    };
}

/// Makes the calling thread stop at random, and refuses one of its allocations and reallocations in `one_in`.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn stop_and_refuse(seed: u64, one_in: u64) {
    THREAD.with(|thread| {
        thread.random.set(seed);
        thread.refused_one_in.set(one_in);
    });
}

/// The `nth` allocation or reallocation from now that the calling thread asks for is refused; none if 0.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn refuse_nth(nth: u64) {
    THREAD.with(|thread| thread.refused_next.set(nth));
}

/// A number of the calling thread's own, from 1.
pub(super) fn thread() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    THREAD.with(|thread| {
        if thread.ordinal.get() == 0 {
            thread.ordinal.set(COUNT.fetch_add(1, Relaxed) + 1);
        }
        thread.ordinal.get()
    })
}

/// Notes that the calling thread is inside, or is no longer; says what was noted before.
pub(super) fn set_inside(is_inside: bool) -> bool {
    THREAD.with(|thread| thread.is_inside.replace(is_inside))
}

/// Whether the call that begins is refused.
pub(super) fn refuses() -> bool {
    THREAD.with(|thread| {
        let next = thread.refused_next.get();
        thread.refused_next.set(next.saturating_sub(1));
        let one_in = thread.refused_one_in.get();
        next == 1 || (one_in != 0 && random(thread).is_multiple_of(one_in))
    })
}

/// A point between two steps, at which others may go ahead.
pub(super) fn stop() {
    THREAD.with(|thread| {
        if is_wild(thread) {
            match random(thread) % 64 {
                0..2 => std::thread::yield_now(),
                2..4 => (0..random(thread) % 100).for_each(|_| std::hint::spin_loop()),
                _ => {}
            }
        }
    });
}

/// A chance that is drawn now, mostly for no time at all: lets others go ahead and returns `true`, until it has
/// waited long enough.
pub(super) fn patience() -> impl FnMut() -> bool {
    let mut turns = THREAD.with(|thread| match is_wild(thread) && random(thread).is_multiple_of(16) {
        true => random(thread) % 30,
        false => 0,
    });
    move || {
        let is_patient = turns != 0;
        if is_patient {
            turns -= 1;
            std::thread::yield_now();
        }
        is_patient
    }
}

/// Whether a choice with even chances falls so.
pub(super) fn tossed() -> bool {
    THREAD.with(|thread| random(thread).is_multiple_of(2))
}

fn is_wild(thread: &Thread) -> bool {
    thread.refused_one_in.get() != 0
}

/// Adds one to a count, without an order.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn random(thread: &Thread) -> u64 {
    let mut state = thread.random.get();
    let random = next_random(&mut state);
    thread.random.set(state);
    random
}

/// A linear congruential generator; its upper half is random enough for choices.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}
