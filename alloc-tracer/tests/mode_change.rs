//! The mode changes while the program runs: other threads follow with their next allocation, blocks
//! keep what was recorded of them, and counters do not care.

use std::sync::mpsc;

use alloc_tracer::{AllocTracer, Mode};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

#[inline(never)]
fn hold(bytes: usize) -> Vec<u8> {
    Vec::with_capacity(bytes)
}

fn on_stacks() -> f64 {
    alloc_tracer::snapshot().sites().map(|site| site.values.inuse_space.value).sum()
}

fn main() {
    a_thread_that_runs_already_follows_and_blocks_keep_their_record();
    the_256th_interval_is_refused_and_the_mode_stays();
    println!("mode_change: ok");
}

fn a_thread_that_runs_already_follows_and_blocks_keep_their_record() {
    let (ask, asked) = mpsc::sync_channel::<usize>(0);
    let (give, given) = mpsc::sync_channel::<Vec<u8>>(0);
    let thread = std::thread::spawn(move || asked.iter().for_each(|bytes| give.send(hold(bytes)).unwrap()));
    let block = |bytes| {
        ask.send(bytes).unwrap();
        given.recv().unwrap()
    };

    let unrecorded = block(1 << 20);
    assert_eq!(on_stacks(), 0.0);

    alloc_tracer::set_mode(Mode::Exact).unwrap();
    assert_eq!(alloc_tracer::mode(), Mode::Exact);
    let before = on_stacks();
    let recorded = block(1 << 20);
    let exact = on_stacks() - before;
    assert!(exact >= f64::from(1 << 20) && exact < f64::from(1 << 20) + 10_000.0, "{exact}");

    // A block of a thousand intervals is sampled with certainty, and stands for itself.
    alloc_tracer::set_mode(Mode::Sampled { interval_bytes: 1 << 10 }).unwrap();
    let sampled = block(1 << 20);
    alloc_tracer::set_mode(Mode::Off).unwrap();
    let with_sampled = on_stacks() - before;
    assert!(with_sampled >= exact + f64::from(1 << 20), "{with_sampled}");

    drop(recorded);
    drop(unrecorded);
    let left = on_stacks() - before;
    assert!(left >= f64::from(1 << 20) && left < with_sampled - f64::from(1 << 20) + 1.0, "{left}");
    drop(sampled);
    assert!(on_stacks() - before < left - f64::from(1 << 20) + 1.0);
    drop(ask);
    thread.join().unwrap();
}

fn the_256th_interval_is_refused_and_the_mode_stays() {
    let results: Vec<bool> = (1..=300)
        .map(|n| alloc_tracer::set_mode(Mode::Sampled { interval_bytes: (1 << 30) + n }).is_ok())
        .collect();
    let refused = results.iter().filter(|ok| !**ok).count();
    assert!((45..=47).contains(&refused), "{refused}");
    assert!(
        matches!(alloc_tracer::mode(), Mode::Sampled { interval_bytes } if interval_bytes < (1 << 30) + 255)
    );
}
