//! The same program prints the same with the tracer, in every mode, as without it: this file has the
//! tracer, `same_words_untraced.rs` has not, and both compare with the same recorded words.

mod workload;

use alloc_tracer::{AllocTracer, Mode};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

#[test]
fn the_words_are_the_same_in_every_mode() {
    for mode in [Mode::Off, Mode::DEFAULT, Mode::Sampled { interval_bytes: 64 }, Mode::Exact] {
        alloc_tracer::set_mode(mode).unwrap();
        assert_eq!(workload::words(), include_str!("data/same_words.txt"), "{mode:?}");
    }
    assert!(alloc_tracer::stats().allocations > 100, "the tracer was there");
}
