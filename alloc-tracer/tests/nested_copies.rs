//! Two copies of the tracer in one program, one around the other: each counts what it was asked for, each has its
//! stacks, and both profiles are kept.
#![cfg(feature = "profile")]

mod child_process;
mod independent_count;

use std::fs::File;
use std::hint::black_box;

use alloc_tracer::{AllocTracer, Profile};
use alloc_tracer_twin::AllocTracer as Twin;
use child_process::{directory, output_within_a_minute, plays, role, said};
use independent_count::{Counting, Truth};

#[global_allocator]
static ALLOC: Counting<AllocTracer<Twin>> = Counting(AllocTracer::new(Twin::system()));

const HELD_BYTES: usize = 3 << 20;

fn main() {
    if plays("nested") {
        nested();
        return;
    }
    for mode in
        ["mode=off", "mode=exact", "mode=exact,blocks=listed", "mode=sampled,interval=1k", "check=stacks"]
    {
        let directory = directory("nested-copies");
        let out = directory.join("heap.pb.gz");
        let output =
            output_within_a_minute(role("nested", &format!("{mode},symbols=no,out={}", out.display())));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {}\n{errors}", output.status);
        assert_eq!(said(&output).matches("profile written to").count(), 2, "{errors}");
        for name in ["heap.pb.gz", "heap.pb.gz.2"] {
            let profile = Profile::read_pprof(File::open(directory.join(name)).unwrap()).unwrap();
            let held = profile.total(profile.column("inuse_space").unwrap());
            assert_eq!(mode == "mode=off", held < HELD_BYTES as i64, "{name}: {held}");
        }
    }
    println!("nested_copies: ok");
}

fn work() -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    for round in 0..20_000_usize {
        let mut block = black_box(vec![1_u8; 1 + round % 700]);
        if round % 3 == 0 {
            block.reserve_exact(round % 1000);
        }
        if round % 10 == 0 {
            kept.push(block);
        }
    }
    kept
}

fn nested() {
    // The first thread makes what std keeps for all of them.
    std::thread::spawn(|| drop(work())).join().unwrap();
    let (truth_before, outer_before, inner_before) =
        (Truth::now(), alloc_tracer::stats(), alloc_tracer_twin::stats());
    let mut kept = work();
    kept.extend(std::thread::spawn(work).join().unwrap());
    let (truth_after, outer, inner) = (Truth::now(), alloc_tracer::stats(), alloc_tracer_twin::stats());
    let truth = truth_after.since(&truth_before);
    assert_eq!(Truth::by_tracer(&outer_before, &outer), truth);
    // The inner one is asked for the outer one's tags as well, of eight bytes each, and what is moved for them.
    let counted = [
        inner.live_blocks - inner_before.live_blocks,
        inner.allocations - inner.frees - (inner_before.allocations - inner_before.frees),
    ];
    assert_eq!(counted, [truth.live_blocks; 2]);
    let extra = (inner.live_bytes - inner_before.live_bytes).checked_sub(truth.live_bytes);
    assert!(extra.is_some_and(|extra| extra <= 8 * truth.live_blocks), "{extra:?}");
    let troubles = [
        [outer.reentries, outer.lost_blocks, outer.stacks_lost, outer.stack_mismatches],
        [inner.reentries, inner.lost_blocks, inner.stacks_lost, inner.stack_mismatches],
    ];
    assert_eq!(troubles, [[0; 4]; 2]);
    std::mem::forget((kept, black_box(vec![1_u8; HELD_BYTES])));
}
