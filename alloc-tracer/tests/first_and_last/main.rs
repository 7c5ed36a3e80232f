//! The first and the last operations of a process: before main, beside the reading of the environment, in
//! destructors of the first thread and of others, and while the process exits. All are counted, in
//! every mode. Broken by whatever needs to be ready, or still there.
#![no_main]
#![cfg_attr(
    not(feature = "profile"),
    allow(dead_code, reason = "without profiles there are no files to read")
)]

mod before_main;
#[path = "../child_process/mod.rs"]
mod child_process;
mod destructors;
mod exit;
#[path = "../independent_count/mod.rs"]
mod independent_count;
#[path = "../scenarios/scenario.rs"]
mod scenario;

use alloc_tracer::{AllocTracer, Stats};
use independent_count::{Counting, Truth};

#[global_allocator]
static ALLOC: Counting<AllocTracer> = Counting(AllocTracer::system());

/// C's own, because one scenario ends the first thread from here, which may not be done from Rust's.
#[unsafe(no_mangle)]
extern "C-unwind" fn main() -> i32 {
    if child_process::plays(destructors::ENDS_FIRST) {
        destructors::end_the_first_thread();
    }
    std::process::exit(i32::from(std::panic::catch_unwind(play).is_err()))
}

fn play() {
    let scenarios: [(&str, fn()); 4] = [
        (before_main::NAME, before_main::threads_and_blocks),
        (destructors::AFTER_MAIN, destructors::after_main),
        (destructors::ENDS_FIRST, destructors::the_first_thread_ends_first),
        (exit::NAME, exit::beside_eight_threads),
    ];
    match scenarios.iter().find(|(name, _)| child_process::plays(name)) {
        Some((_, scenario)) => scenario(),
        None => scenarios.iter().for_each(|(_, scenario)| scenario()),
    }
    println!("first_and_last: ok");
}

/// Everything since the process started was counted, when nothing else runs.
fn all_is_counted() {
    let stats = alloc_tracer::stats();
    assert_eq!(Truth::by_tracer(&Stats::default(), &stats), Truth::now(), "{stats:?}");
}
