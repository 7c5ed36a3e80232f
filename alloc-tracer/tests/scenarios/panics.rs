//! Panics that unwind through frames that allocate, on eight threads at once, while backtraces are captured by
//! the standard library and by the `backtrace` crate.

use std::hint::black_box;
use std::panic::{catch_unwind, panic_any, set_hook};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::scenario::{Books, on_threads, rounds, survives};

static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Allocates while it is dropped, which here is while a panic unwinds.
struct Allocating(Vec<u8>);

impl Drop for Allocating {
    fn drop(&mut self) {
        let copy = black_box(self.0.clone());
        self.0.extend_from_slice(&copy);
        DROPPED.fetch_add(self.0.len(), Relaxed);
    }
}

/// Goes down so many frames, captures stacks, and panics with a block.
#[inline(never)]
fn fall(depth: usize) -> usize {
    let local = Allocating(vec![1; 1 + depth]);
    if depth > 0 {
        return black_box(fall(depth - 1)) + local.0.len();
    }
    let by_std = std::backtrace::Backtrace::force_capture();
    let by_crate = backtrace::Backtrace::new_unresolved();
    assert!(by_crate.frames().len() > 3 && by_std.status() == std::backtrace::BacktraceStatus::Captured);
    panic_any(vec![7_u8; 123])
}

fn storm(rounds: usize) {
    for round in 0..rounds {
        let payload = catch_unwind(|| fall(round % 20)).unwrap_err();
        assert_eq!(*payload.downcast::<Vec<u8>>().unwrap(), [7; 123]);
    }
}

#[test]
fn storms_on_eight_threads() {
    survives("panics::storms_on_eight_threads", || {
        set_hook(Box::new(|_| ()));
        // Names are looked up once: the caches of those who look them up stay.
        assert!(!std::backtrace::Backtrace::force_capture().to_string().is_empty());
        on_threads(8, |_| storm(1));
        let (books, before) = (Books::open(), DROPPED.load(Relaxed));
        let rounds = rounds(100, 5000);
        on_threads(8, |_| storm(rounds));
        // A fall of depth d drops locals of 1 to 1 + d bytes, each doubled.
        let bytes = |depth: usize| (depth + 1) * (depth + 2);
        let expected: usize = (0..rounds).map(|round| bytes(round % 20)).sum();
        assert_eq!(DROPPED.load(Relaxed) - before, 8 * expected);
        books.close(0, 0);
    });
}
