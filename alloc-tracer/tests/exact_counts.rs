//! Exact mode equals the truth to the byte: the sum over all stacks is what an independent count of
//! the inner allocator's calls says, with threads that free and reallocate each other's blocks.

mod independent_count;

use std::sync::mpsc;

use alloc_tracer::AllocTracer;
use independent_count::{Counting, Truth};

#[global_allocator]
static ALLOC: Counting<AllocTracer> = Counting(AllocTracer::system().exact());

fn main() {
    every_byte_is_on_a_stack_with_threads_that_free_and_grow_each_others_blocks();
    println!("exact_counts: ok");
}

fn every_byte_is_on_a_stack_with_threads_that_free_and_grow_each_others_blocks() {
    let before = alloc_tracer::snapshot();
    let (stats_before, truth_before) = (alloc_tracer::stats(), Truth::now());
    let kept = workload();
    let (truth_after, stats_after) = (Truth::now(), alloc_tracer::stats());
    let after = alloc_tracer::snapshot();
    let (stacks_before, stacks_after) = (sums(&before), sums(&after));

    let truth = truth_after.since(&truth_before);
    let stacks: Vec<f64> =
        stacks_after.iter().zip(stacks_before).map(|(after, before)| after - before).collect();
    let expected =
        [truth.allocations + truth.reallocations, truth.total_bytes, truth.live_blocks, truth.live_bytes];
    assert_eq!(stacks, expected.map(|number| number as f64));

    assert_eq!(Truth::by_tracer(&stats_before, &stats_after), truth);
    assert!(truth.allocations > 60_000 && truth.reallocations > 10_000 && truth.live_blocks > 10_000);

    let stats = stats_after;
    assert_eq!((stats.reentries, stats.lost_blocks, stats.stacks_lost, stats.stacks_too_deep), (0, 0, 0, 0));
    assert!(stats.peak_live_bytes + stats.peak_error_bytes >= truth_after.live_bytes);
    #[cfg(feature = "profile")]
    {
        let profile = after.profile();
        for (column, name) in
            ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"].iter().enumerate()
        {
            assert_eq!(profile.total(profile.column(name).unwrap()) as f64, stacks_after[column], "{name}");
        }
    }
    drop(kept);
}

/// Three threads make blocks; a fourth one grows, shrinks, drops or keeps them.
fn workload() -> Vec<Vec<u8>> {
    let (to_freer, from_maker) = mpsc::channel::<Vec<u8>>();
    std::thread::scope(|scope| {
        let makers = [0, 1, 2].map(|maker| {
            let to_freer = to_freer.clone();
            scope.spawn(move || {
                for i in 0..20_000_usize {
                    to_freer.send(vec![0; 1 + (i * 7 + maker) % 900]).unwrap();
                }
            })
        });
        drop(to_freer);
        let freer = scope.spawn(move || {
            let mut kept = Vec::new();
            for (i, mut block) in from_maker.iter().enumerate() {
                if i % 3 == 0 {
                    block.resize(block.len() * 2, 1);
                }
                if i % 5 == 0 {
                    block.shrink_to_fit();
                    kept.push(block);
                }
            }
            kept
        });
        // A scope waits for the closures only; joined threads have run their destructors as well.
        makers.into_iter().for_each(|maker| maker.join().unwrap());
        freer.join().unwrap()
    })
}

/// The four columns summed over all stacks.
fn sums(snapshot: &alloc_tracer::Snapshot) -> [f64; 4] {
    snapshot.sites().fold([0.0; 4], |sums, site| {
        let v = site.values;
        let four = [v.alloc_objects, v.alloc_space, v.inuse_objects, v.inuse_space];
        assert!(four.iter().all(|estimate| estimate.variance == 0.0));
        std::array::from_fn(|i| sums[i] + four[i].value)
    })
}
