//! Allocations where only an allocator without locks may be called: in signal handlers at a high rate, in
//! the middle of anything, and in children that the C library knows nothing of. Nothing hangs, and every
//! block is counted and attributed. Broken by whatever in the recorder waits for somebody else.
#![cfg(feature = "profile")]

#[path = "../bump_room/mod.rs"]
mod bump_room;
#[path = "../child_process/mod.rs"]
mod child_process;
mod clones;
#[path = "../independent_count/mod.rs"]
mod independent_count;
#[path = "../scenarios/scenario.rs"]
mod scenario;
mod signals;

use std::sync::atomic::Ordering::Relaxed;

use alloc_tracer::{AllocTracer, Stats};
use bump_room::{Bump, WRONG_LAYOUTS};
use independent_count::{Counting, Truth};
use scenario::Books;

#[global_allocator]
static ALLOC: Counting<AllocTracer<Bump>> = Counting(AllocTracer::new(Bump));

/// Since the books were opened every operation was counted, what is live is on call stacks, and each block went back
/// as it was asked for.
fn all_is_booked(books: &Books, before: (Stats, Truth)) {
    let (truth, stats) = (Truth::now().since(&before.1), alloc_tracer::stats());
    assert_eq!(Truth::by_tracer(&before.0, &stats), truth);
    assert_eq!(WRONG_LAYOUTS.load(Relaxed), 0);
    books.close(truth.live_blocks as usize, truth.live_bytes as usize);
}
