//! Recursion that goes far deeper than a stack is recorded, and the ways out of it.

use std::hint::black_box;
use std::panic::{catch_unwind, panic_any, set_hook};

use crate::scenario::{Books, survives};

const DEPTH: u32 = 100_000;

fn on_a_deep_stack<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 << 20).spawn_scoped(scope, act);
        thread.unwrap().join().unwrap()
    })
}

/// Allocates on the way down and on the way up, so that walks begin at every depth.
fn descend(depth: u32) -> u64 {
    let kept = black_box(vec![depth; 3]);
    let below = if depth == 0 { 0 } else { descend(depth - 1) };
    below + u64::from(kept[1])
}

#[test]
fn a_hundred_thousand_frames() {
    survives("recursion::a_hundred_thousand_frames", || {
        assert_eq!(on_a_deep_stack(|| descend(DEPTH)), (0..=u64::from(DEPTH)).sum());
    });
}

/// Allocates nothing on the way down, and much at the bottom.
fn descend_and_then(depth: u32, act: &dyn Fn()) -> u32 {
    if depth == 0 {
        act();
        return 0;
    }
    black_box(descend_and_then(black_box(depth - 1), act)) + 1
}

#[test]
fn allocations_at_the_bottom_and_a_panic_from_there() {
    survives("recursion::allocations_at_the_bottom_and_a_panic_from_there", || {
        set_hook(Box::new(|_| ()));
        let fall = || {
            let bottom = || {
                for size in 1..300 {
                    drop(black_box(vec![1_u8; size * 200]));
                }
                std::mem::forget(black_box(vec![2_u8; 4321]));
                panic_any("from the bottom");
            };
            let payload = catch_unwind(|| descend_and_then(DEPTH, &bottom)).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"from the bottom"));
        };
        on_a_deep_stack(fall);
        let books = Books::open();
        on_a_deep_stack(fall);
        books.close(1, 4321);
    });
}
