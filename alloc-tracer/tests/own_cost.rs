//! What the tracer takes from the process is told by part, and the parts make up the whole.
#![cfg(feature = "profile")]

use std::hint::black_box;

use alloc_tracer::{AllocTracer, OwnCost, Stats};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

fn parts(tracer: &OwnCost) -> [u64; 5] {
    [
        tracer.call_tree_bytes,
        tracer.site_values_bytes,
        tracer.live_table_bytes,
        tracer.threads_bytes,
        tracer.unwind_rules_bytes,
    ]
}

#[test]
fn every_part_of_the_tracers_own_cost_is_in_stats_and_in_every_profile() {
    let many: Vec<Box<u64>> = (0..10_000).map(|number| black_box(Box::new(number))).collect();
    // Not tagged: in the table, which has to grow for them.
    let large: Vec<Vec<u8>> = (0..20_000).map(|_| black_box(Vec::with_capacity(40_000))).collect();
    let others = std::thread::spawn(alloc_tracer::stats).join().unwrap();
    let snapshot = alloc_tracer::snapshot();
    let stats: Stats = snapshot.stats;
    let tracer = stats.tracer;
    assert_eq!(parts(&tracer).iter().sum::<u64>(), stats.tracer_mapped_bytes, "{tracer:?}");
    assert!(parts(&tracer).iter().all(|bytes| *bytes > 0), "{tracer:?}");
    assert!(tracer.live_table_bytes >= large.len() as u64 * 16, "{tracer:?}");
    assert_eq!(tracer.tags_bytes_at_most, stats.live_blocks * 8);
    assert!(tracer.tags_bytes_at_most >= many.len() as u64 * 8);
    assert!((1..=128).contains(&tracer.thread_local_bytes), "{tracer:?}");
    assert!(tracer.recording_stack_bytes > 0 && others.tracer.recording_stack_bytes > 0, "{tracer:?}");

    let profile = snapshot.profile_without_symbols();
    let comments =
        profile.comments.iter().map(|comment| profile.text(*comment)).collect::<Vec<_>>().join("\n");
    let stack =
        format!("stack {} B, thread-local {} B", tracer.recording_stack_bytes, tracer.thread_local_bytes);
    for told in
        ["call stacks ", "sites ", "live blocks ", "threads ", "unwind rules ", "tags at most ", &stack]
    {
        assert!(comments.contains(told), "no {told:?} in\n{comments}");
    }
}
