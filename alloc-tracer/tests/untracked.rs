//! Code that asks not to be tracked is on no stack; its blocks stay in the counters, and are forgotten
//! wherever they are freed.

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

fn main() {
    untracked_blocks_are_counted_and_on_no_stack();
    a_panic_ends_an_untracked_section();
    println!("untracked: ok");
}

fn untracked_blocks_are_counted_and_on_no_stack() {
    let sums = || {
        let snapshot = alloc_tracer::snapshot();
        let on_stacks: f64 = snapshot.sites().map(|site| site.values.inuse_space.value).sum();
        (on_stacks, snapshot.untracked.inuse_space.value, snapshot.stats.live_bytes)
    };
    let before = sums();
    let untracked = alloc_tracer::untracked(|| vec![0_u8; 5 << 20]);
    let nested = alloc_tracer::untracked(|| {
        alloc_tracer::untracked(|| ());
        vec![0_u8; 1 << 20]
    });
    let tracked = vec![0_u8; 2 << 20];
    let held = sums();
    assert_eq!(held.0 - before.0, f64::from(2 << 20));
    // A snapshot sees some of its own working memory among the untracked blocks.
    let own = 10_000.0;
    assert!((held.1 - before.1 - f64::from(6 << 20)).abs() < own, "{before:?} {held:?}");
    assert_eq!(held.2 - before.2, 8 << 20);
    drop((untracked, nested, tracked));
    let after = sums();
    assert_eq!(after.0, before.0);
    assert!(after.1 < before.1 + own, "{before:?} {after:?}");
    assert_eq!(after.2, before.2);
    assert_eq!(alloc_tracer::stats().reentries, 0);
}

fn a_panic_ends_an_untracked_section() {
    let caught = std::panic::catch_unwind(|| alloc_tracer::untracked(|| std::panic::panic_any(1)));
    assert!(caught.is_err());
    let kept = vec![0_u8; 3_333_333];
    let snapshot = alloc_tracer::snapshot();
    assert!(snapshot.sites().any(|site| site.values.inuse_space.value == 3_333_333.0));
    drop(kept);
}
