//! The same work in every build and mode: it compares what the tracer counted with a count of its own, walks its
//! own sites, and prints totals that may not depend on how it was built.

#[path = "../../../independent_count/mod.rs"]
mod independent_count;

use std::hint::black_box;

use alloc_tracer::{AllocTracer, Mode, Snapshot};
use independent_count::{Counting, Truth};

#[global_allocator]
static ALLOC: Counting<AllocTracer> = Counting(AllocTracer::system());

/// Of a size that nothing else has.
const HELD_BYTES: usize = 10_007;
const HELD_BLOCKS: usize = 100;

#[inline(never)]
fn hold_blocks() -> Vec<Vec<u8>> {
    let mut held = Vec::with_capacity(HELD_BLOCKS);
    for _ in 0..HELD_BLOCKS {
        held.push(black_box(vec![1; HELD_BYTES]));
    }
    held
}

/// Blocks that come, grow and go.
#[inline(never)]
fn churn() -> usize {
    let words: Vec<String> = (0..1000_u32).map(|number| black_box(number.to_string())).collect();
    words.concat().len()
}

#[inline(never)]
fn work() -> Vec<Vec<u8>> {
    let bytes = churn();
    let held = hold_blocks();
    assert_eq!(black_box(bytes), 2890);
    held
}

fn main() {
    // The first thread makes what std keeps for all of them.
    std::thread::spawn(|| drop(work())).join().unwrap();
    let (counted_before, truth_before) = (alloc_tracer::stats(), Truth::now());
    let mine = work();
    let (truth_after, counted_after) = (Truth::now(), alloc_tracer::stats());
    let truth = truth_after.since(&truth_before);
    assert_eq!(Truth::by_tracer(&counted_before, &counted_after), truth);
    let other = std::thread::spawn(work).join().unwrap();
    let snapshot = alloc_tracer::snapshot();
    let stats = &snapshot.stats;
    println!("totals: {truth:?}");
    println!("lost: {} stacks, {} blocks", stats.stacks_lost, stats.lost_blocks);
    println!("wrong: {} re-entries, {} mismatches", stats.reentries, stats.stack_mismatches);
    println!("held: {}", held(&snapshot));
    std::mem::forget((mine, other));
}

/// What the sites say of the held blocks: how many there are, in how many stacks, and how many of those go
/// through [`work`] and on to the function that the thread began in.
fn held(snapshot: &Snapshot) -> String {
    if snapshot.mode == Mode::Off {
        return "nothing".to_owned();
    }
    let work = work as *const () as u64;
    let (mut blocks, mut stacks, mut whole) = (0.0, 0, 0);
    for site in snapshot.sites().filter(|site| site.values.inuse_space.value > HELD_BYTES as f64 * 50.0) {
        blocks += site.values.inuse_objects.value;
        stacks += 1;
        let through_work = site.stack.iter().position(|address| (work..work + 2048).contains(address));
        let further = through_work.map_or(0, |at| site.stack.len() - 1 - at);
        whole += u32::from(further > 1 && site.gap.is_none());
    }
    format!("{blocks} blocks in {stacks} stacks, {whole} whole")
}
