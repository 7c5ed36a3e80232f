//! A reset starts the totals and the peak again; what is live stays live and stays attributed.

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

#[inline(never)]
fn long_lived() -> Vec<u8> {
    vec![0; 4 << 20]
}

#[inline(never)]
fn passing() -> usize {
    (0..100).map(|_| std::hint::black_box(vec![0_u8; 64 << 10]).len()).sum()
}

fn main() {
    totals_start_again_and_live_blocks_stay();
    println!("reset: ok");
}

fn totals_start_again_and_live_blocks_stay() {
    let kept = long_lived();
    drop(vec![0_u8; 32 << 20]);
    let stats = alloc_tracer::stats();
    assert!(stats.peak_live_bytes + stats.peak_error_bytes >= 36 << 20, "{stats:?}");
    alloc_tracer::reset();

    let stats = alloc_tracer::stats();
    assert!(stats.allocations < 100 && stats.total_bytes < 1 << 20, "{stats:?}");
    assert!(stats.live_bytes >= 4 << 20 && stats.peak_live_bytes < 6 << 20, "{stats:?}");

    let passed = passing() as f64;
    let snapshot = alloc_tracer::snapshot();
    let holders: Vec<_> =
        snapshot.sites().map(|site| site.values).filter(|values| values.inuse_space.value >= 4e6).collect();
    assert_eq!(holders.len(), 1);
    assert_eq!((holders[0].inuse_space.value, holders[0].alloc_space.value), (kept.len() as f64, 0.0));
    let totals: f64 = snapshot.sites().map(|site| site.values.alloc_space.value).sum();
    assert!(totals >= passed && totals < passed + 100_000.0, "{totals} of {passed}");
    let stats = alloc_tracer::stats();
    assert!(stats.peak_live_bytes >= (4 << 20) + (64 << 10) - stats.peak_error_bytes, "{stats:?}");
}
