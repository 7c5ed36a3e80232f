//! Threads' states: lent and handed on to one thread at a time, told of every change of mode, and with
//! numbers that add up.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use loom::thread;

use super::{Act, Scenario, at_once};
use crate::hot::call_tree::{CALL_TREE, NodeId, Root};
use crate::hot::mode::Mode;
use crate::hot::site_values::ExactSums;
use crate::hot::start::Settings;
use crate::hot::all_threads;
use crate::hot::thread::{self as states, ERROR_BYTES, Lease, ThreadBlock};
use crate::hot::{books, recorder};
use crate::sys::{thread_exit, thread_local};

pub(super) const SCENARIOS: [Scenario; 11] = [
    ("thread states: one that is lent belongs to one thread, and none of its counts is lost", lent),
    ("thread states: one that comes back at once is not taken for one that never left", comes_back),
    ("thread states: one of a thread that ends is handed on whole", handed_on),
    ("limits: no thread misses that everything is recorded from now on", mode_to_exact),
    ("limits: no sampling thread misses that everything is recorded from now on", sampled_to_exact),
    ("limits: no thread that begins misses that everything is recorded from now on", mode_to_a_new_thread),
    ("limits: no thread misses that every free looks from now on", every_free),
    ("live bytes: folds of two threads add up", folds),
    ("live bytes: a reader is off by no more than is said", reading),
    ("books: a reader never sees more freed than allocated, by shared words", shared_books),
    ("books: a reader never sees more freed than allocated, by threads' places", places),
];

const OFF: Settings = Settings { mode: Mode::Off, lists_blocks: false };

/// From now on the calling thread borrows a state for each operation.
fn borrow_only() {
    thread_local::with(|words| words.ending.set(true));
}

fn take() -> Lease {
    Lease::take(&OFF).expect("there is memory")
}

/// Makes so many states, with the tracer ready and no mode; they are free afterwards.
fn prepared<const N: usize>() -> [&'static ThreadBlock; N] {
    borrow_only();
    let leases = [(); N].map(|()| take());
    leases.each_ref().map(|lease| **lease)
}

fn counted() -> u64 {
    use crate::sys::atomics::Ordering::Relaxed;
    all_threads::all_counters().map(|counters| counters.allocations.load(Relaxed)).sum()
}

/// What only an owner may touch: loom fails where two threads do, one not after the other.
struct Owned<const N: usize>([UnsafeCell<u32>; N]);

impl<const N: usize> Owned<N> {
    fn touch(&self, states: [&'static ThreadBlock; N], state: &'static ThreadBlock) {
        let at = states.iter().position(|known| core::ptr::eq(*known, state)).expect("it is one of them");
        // SAFETY: loom checks that no two threads are here with one state at once.
        self.0[at].with_mut(|uses| unsafe { *uses += 1 });
        state.counters.allocated(8);
    }
}

fn lent() -> Act {
    let states = prepared::<2>();
    let before = counted();
    Box::new(move || {
        let owned = Arc::new(Owned([0, 0].map(UnsafeCell::new)));
        let mine = Arc::clone(&owned);
        let borrow = move |owned: &Owned<2>, times: u32| {
            borrow_only();
            (0..times).for_each(|_| owned.touch(states, *take()));
        };
        at_once(move || borrow(&owned, 2), || borrow(&mine, 2));
        assert_eq!(counted(), before + 4);
    })
}

fn comes_back() -> Act {
    let states = prepared::<4>();
    Box::new(move || {
        let owned = Arc::new(Owned([0, 0, 0, 0].map(UnsafeCell::new)));
        let mine = Arc::clone(&owned);
        let two_at_once = move |owned: &Owned<4>, comes_back: bool| {
            borrow_only();
            let (first, second) = (take(), take());
            owned.touch(states, *first);
            if comes_back {
                drop(first);
            }
            owned.touch(states, *second);
        };
        at_once(move || two_at_once(&owned, true), || two_at_once(&mine, false));
    })
}

fn handed_on() -> Act {
    let states = prepared::<2>();
    let before = counted();
    Box::new(move || {
        let owned = Arc::new(Owned([0, 0].map(UnsafeCell::new)));
        let live_and_end = move |owned: &Owned<2>| {
            owned.touch(states, *take());
            owned.touch(states, *take());
            // SAFETY: it is what the lease armed on this thread.
            unsafe { states::thread_ended(thread_exit::armed()) };
            owned.touch(states, *take());
        };
        let [first, second] = [(); 2].map(|()| {
            let owned = Arc::clone(&owned);
            thread::spawn(move || live_and_end(&owned))
        });
        first.join().and(second.join()).expect("they do not panic");
        assert_eq!(counted(), before + 6);
        assert_eq!(states::block_count(), 2);
    })
}

fn set_exact() {
    assert!(recorder::set_mode(Mode::Exact));
}

fn mode_to_exact() -> Act {
    let [state] = prepared();
    Box::new(move || {
        at_once(set_exact, || {
            state.counters.allocated(8);
            state.after_allocation(None);
        });
        assert!(state.allocation_needs_attention(8), "it goes on without recording");
    })
}

fn sampled_to_exact() -> Act {
    let [state] = prepared();
    assert!(recorder::set_mode(Mode::Sampled { interval_bytes: 1 << 20 }));
    // The first allocation of a mode draws where its sample lies.
    assert!(state.choose(8).is_none());
    Box::new(move || {
        at_once(set_exact, || {
            let recorded = state.choose(8);
            state.counters.allocated(8);
            state.after_allocation(recorded);
        });
        assert!(state.allocation_needs_attention(8), "it goes on without recording");
    })
}

fn mode_to_a_new_thread() -> Act {
    let [_held] = prepared();
    Box::new(|| {
        let ((), state) = at_once(set_exact, || {
            // The one that is there stays in use, so the second is a new one.
            borrow_only();
            let (_first, second) = (take(), take());
            second.counters.allocated(8);
            second.after_allocation(None);
            *second
        });
        assert!(state.allocation_needs_attention(8), "it goes on without recording");
    })
}

fn every_free() -> Act {
    let [state] = prepared();
    Box::new(move || {
        at_once(set_exact, || {
            state.counters.freed(8);
            state.after_free();
        });
        assert!(state.free_needs_attention(8), "it goes on without looking");
    })
}

/// More than a thread keeps to itself.
const MUCH: usize = 40_000;

/// Allocates much and frees what is said of it.
fn come_and_go(state: &ThreadBlock, freed: usize) {
    state.counters.allocated(MUCH);
    state.after_allocation(None);
    state.counters.freed(freed);
    state.after_free();
}

fn folds() -> Act {
    let states = prepared::<2>();
    Box::new(move || {
        at_once(move || come_and_go(states[0], MUCH - 8), || come_and_go(states[1], MUCH));
        assert_eq!(all_threads::live_bytes(), 8);
        assert!((8..=2 * MUCH as u64).contains(&all_threads::peak_bytes(8)));
    })
}

fn reading() -> Act {
    let [state] = prepared();
    Box::new(move || {
        let (live, ()) = at_once(all_threads::live_bytes, || come_and_go(state, MUCH - 8));
        assert!(live <= MUCH as u64 + ERROR_BYTES, "{live}");
        assert_eq!(all_threads::live_bytes(), 8);
    })
}

fn shared_books() -> Act {
    let states = prepared();
    booked(states, CALL_TREE.child(Root::Exact.node(), 10).expect("there is room"))
}

fn places() -> Act {
    let states = prepared::<2>();
    let site = CALL_TREE.child(Root::Exact.node(), 10).expect("there is room");
    assert!(CALL_TREE.values(site).is_some());
    states.iter().for_each(|state| state.sites.claim(site));
    booked(states, site)
}

/// One thread allocates a block and hands it to another, which frees it; a third one reads as
/// `cold::sites` does: all frees first.
fn booked(states: [&'static ThreadBlock; 2], site: NodeId) -> Act {
    let sum = move |shared: ExactSums, of_place: fn(&crate::hot::thread_sites::Place) -> ExactSums| {
        let mut sum = shared;
        states.iter().filter_map(|state| state.sites.place(site)).for_each(|place| sum.add(of_place(place)));
        sum
    };
    Box::new(move || {
        let reader = thread::spawn(move || {
            let Some((_, _, Some(values))) = CALL_TREE.read(site) else { return };
            let freed = sum(values.freed(), |place| place.freed());
            let allocated = sum(values.allocated(), |place| place.allocated());
            assert!(
                freed.count <= allocated.count && freed.bytes <= allocated.bytes,
                "{freed:?} {allocated:?}"
            );
        });
        let is_handed_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_handed_over);
        at_once(
            move || {
                if seen.load(Acquire) {
                    books::free(Some(states[1]), site, 8);
                }
            },
            || {
                books::allocation(states[0], site, 8);
                is_handed_over.store(true, Release);
            },
        );
        reader.join().expect("it does not panic");
    })
}
