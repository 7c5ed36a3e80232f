//! How long a running program's profile takes, and whether its threads notice: four threads replace
//! blocks of a large heap while the main thread writes one profile after the other.
//! `cargo run --release -p alloc-tracer --example live_profile`

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

const THREADS: usize = 4;
const LIVE_BLOCKS: usize = 200_000;

static STOP: AtomicBool = AtomicBool::new(false);
static REPLACED: AtomicU64 = AtomicU64::new(0);
/// The longest time that a thread took for 100 replacements since it was asked last.
static SLOWEST_NANOS: AtomicU64 = AtomicU64::new(0);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("alloc-tracer-live-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let threads: Vec<_> = (1..=THREADS as u64).map(|seed| std::thread::spawn(move || work(seed))).collect();
    std::thread::sleep(Duration::from_secs(2));
    line("undisturbed", || {
        std::thread::sleep(Duration::from_millis(500));
        Ok(String::new())
    })?;
    for (name, symbols) in [("first, with names", true), ("again", true), ("addresses only", false)] {
        line(name, || {
            let start = Instant::now();
            let snapshot = alloc_tracer::snapshot();
            let taken = start.elapsed();
            let profile = if symbols { snapshot.profile() } else { snapshot.profile_without_symbols() };
            let named = start.elapsed();
            let path = directory.join("heap.pb.gz");
            profile.write_pprof_file(&path)?;
            Ok(format!(
                "snapshot {taken:.1?}, profile {:.1?}, file {:.1?} ({} stacks, {} bytes)",
                named - taken,
                start.elapsed() - named,
                profile.samples().len(),
                std::fs::metadata(&path)?.len()
            ))
        })?;
    }
    STOP.store(true, Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("a thread that only allocates"));
    let live = alloc_tracer::stats();
    println!("{} MiB at most, {} blocks in all", live.peak_live_bytes >> 20, live.allocations);
    Ok(std::fs::remove_dir_all(&directory)?)
}

/// Says what the threads did meanwhile.
fn line(
    name: &str,
    act: impl FnOnce() -> Result<String, Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    SLOWEST_NANOS.store(0, Relaxed);
    let (before, start) = (REPLACED.load(Relaxed), Instant::now());
    let said = act()?;
    let (elapsed, replaced) = (start.elapsed(), REPLACED.load(Relaxed) - before);
    let rate = replaced as f64 / elapsed.as_secs_f64() / 1e6;
    let slowest = Duration::from_nanos(SLOWEST_NANOS.load(Relaxed));
    println!("{name}: {elapsed:.1?}; threads: {rate:.1} M blocks/s, slowest 100 {slowest:.1?}");
    if !said.is_empty() {
        println!("    {said}");
    }
    Ok(())
}

/// Replaces live blocks at random, from several call stacks.
fn work(seed: u64) {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut blocks: Vec<Vec<u8>> = vec![Vec::new(); LIVE_BLOCKS / THREADS];
    while !STOP.load(Relaxed) {
        let start = Instant::now();
        for _ in 0..100 {
            let (at, depth) = (random() % blocks.len(), random() % 40);
            blocks[at] = block_at(depth, 16 + random() % 4000);
        }
        REPLACED.fetch_add(100, Relaxed);
        SLOWEST_NANOS.fetch_max(start.elapsed().as_nanos() as u64, Relaxed);
    }
}

#[inline(never)]
fn block_at(depth: usize, bytes: usize) -> Vec<u8> {
    match depth {
        0 => vec![1; bytes],
        _ => black_box(block_at(depth - 1, bytes)),
    }
}
