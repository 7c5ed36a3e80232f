//! Recursion that goes far deeper than a stack is recorded.

use std::hint::black_box;

use crate::scenario::survives;

const DEPTH: u32 = 100_000;

/// Allocates on the way down and on the way up, so that walks begin at every depth.
fn descend(depth: u32) -> u64 {
    let kept = black_box(vec![depth; 3]);
    let below = if depth == 0 { 0 } else { descend(depth - 1) };
    below + u64::from(kept[1])
}

#[test]
fn a_hundred_thousand_frames() {
    survives("recursion::a_hundred_thousand_frames", || {
        let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(|| descend(DEPTH)).unwrap();
        assert_eq!(thread.join().unwrap(), (0..=u64::from(DEPTH)).sum());
    });
}
