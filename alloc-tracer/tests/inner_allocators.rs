//! The tracer around mimalloc, jemalloc and the system's allocator, off, sampled both ways and exact: threads that
//! allocate, zero, grow, shrink and free each other's blocks at every alignment find their bytes as they
//! left them, and the numbers equal a count of what the program asked for, per call stack.
//! jemalloc is told each block's size when it is freed, so a layout that the tracer changed would show.
#![cfg(feature = "profile")]

mod child_process;
mod independent_count;

use std::alloc::{GlobalAlloc, Layout, System, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};

use alloc_tracer::AllocTracer;
use child_process::{output_within_a_minute, plays, role};
use independent_count::{Counting, Truth};
use mimalloc::MiMalloc;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOC: Counting<AllocTracer<Chosen>> = Counting(AllocTracer::new(Chosen));

/// One of the three, by an environment variable that is read with the first call.
struct Chosen;

fn chosen() -> u8 {
    static CHOICE: AtomicU8 = AtomicU8::new(0);
    match CHOICE.load(Relaxed) {
        0 => {
            // SAFETY: the name is a C string; nothing in this process changes its environment.
            let value = unsafe { libc::getenv(c"ALLOC_TRACER_TEST_INNER".as_ptr()) };
            // SAFETY: a value that is not null has at least its terminating byte.
            let choice = if value.is_null() { b's' } else { unsafe { *value.cast::<u8>() } };
            CHOICE.store(choice, Relaxed);
            choice
        }
        choice => choice,
    }
}

macro_rules! to_chosen {
    ($method:ident $arguments:tt) => {
        // SAFETY: the caller's contract is that of the chosen allocator, and the choice never changes.
        unsafe {
            match chosen() {
                b'm' => MiMalloc.$method $arguments,
                b'j' => Jemalloc.$method $arguments,
                _ => System.$method $arguments,
            }
        }
    };
}

// SAFETY: passes every call on to one allocator, always the same.
unsafe impl GlobalAlloc for Chosen {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        to_chosen!(alloc(layout))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        to_chosen!(alloc_zeroed(layout))
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        to_chosen!(dealloc(block, layout));
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        to_chosen!(realloc(block, layout, size))
    }
}

const THREADS: usize = 4;
const STEPS: usize = 15_000;
const SITES: usize = 6;
const ZEROED: usize = 2;

/// What the blocks of each site hold: blocks and bytes.
static HELD: [[AtomicI64; 2]; SITES] = [const { [const { AtomicI64::new(0) }; 2] }; SITES];
static MOVED: AtomicU64 = AtomicU64::new(0);
static IN_PLACE: AtomicU64 = AtomicU64::new(0);

/// A block, full of one byte.
struct Block {
    address: usize,
    layout: Layout,
    site: usize,
}

type Operation = fn(*mut u8, Layout, usize) -> *mut u8;

/// Functions that differ, each with a frame of its own on the stack of its blocks.
macro_rules! sites {
    ($($name:ident: $operation:expr;)*) => {
        $(#[inline(never)]
        fn $name(old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            // SAFETY: the layouts below have a size; a block that is reallocated is live, has this layout,
            // and the new size fits its alignment.
            let block = unsafe { ($operation)(old, layout, size) };
            black_box(stringify!($name));
            assert!(!block.is_null());
            block
        })*
        const SITE: [(&str, Operation); SITES] = [$((stringify!($name), $name)),*];
    };
}

sites! {
    plain_bytes: |_, layout, _| alloc(layout);
    more_bytes: |_, layout, _| alloc(layout);
    zeroed_bytes: |_, layout, _| alloc_zeroed(layout);
    grown_bytes: |old, layout, size| realloc(old, layout, size);
    shrunk_bytes: |old, layout, size| realloc(old, layout, size);
    refitted_bytes: |old, layout, size| realloc(old, layout, size);
}

impl Block {
    fn new(random: &mut impl FnMut() -> usize) -> Block {
        let site = random() % 3;
        let size = match random() % 64 {
            0 => 1 + random() % 300_000,
            1..10 => 1 + random() % 9_000,
            _ => 1 + random() % 600,
        };
        let align = if random().is_multiple_of(8) { 1 << (random() % 17) } else { 1 << (random() % 5) };
        let layout = Layout::from_size_align(size, align).unwrap();
        let address = SITE[site].1(std::ptr::null_mut(), layout, 0).expose_provenance();
        let mut block = Block { address, layout, site };
        if site == ZEROED {
            let is_zero = |bytes: &[u8]| bytes == &[0; 4096][..bytes.len()];
            assert!(block.bytes().chunks(4096).all(is_zero), "not zeroed: {layout:?}");
        }
        block.begin(site);
        block
    }

    fn resized(mut self, random: &mut impl FnMut() -> usize) -> Block {
        self.end();
        let (old, layout, pattern) = (self.address, self.layout, self.pattern());
        let (site, size) = match random() % 3 {
            0 => (3, layout.size() * 2),
            1 => (4, layout.size().div_ceil(2)),
            _ => (5, layout.size() + random() % 8),
        };
        self.address =
            SITE[site].1(std::ptr::with_exposed_provenance_mut(old), layout, size).expose_provenance();
        self.layout = Layout::from_size_align(size, layout.align()).unwrap();
        let kept = size.min(layout.size());
        assert!(
            [0, kept / 2, kept - 1].iter().all(|at| self.bytes()[*at] == pattern),
            "{layout:?} to {size}"
        );
        if self.address == old { &IN_PLACE } else { &MOVED }.fetch_add(1, Relaxed);
        self.begin(site);
        self
    }

    fn free(mut self) {
        self.end();
        // SAFETY: the block is live, has this layout, and is not used again.
        unsafe { dealloc(std::ptr::with_exposed_provenance_mut(self.address), self.layout) };
    }

    /// Notes the block, and writes it full.
    fn begin(&mut self, site: usize) {
        self.site = site;
        let pattern = self.pattern();
        self.bytes().fill(pattern);
        self.note(1);
    }

    /// Strikes the block out, if all is as it was written.
    fn end(&mut self) {
        let (pattern, last) = (self.pattern(), self.layout.size() - 1);
        assert!([0, last / 2, last].iter().all(|at| self.bytes()[*at] == pattern), "{:?}", self.layout);
        self.note(-1);
    }

    fn note(&self, blocks: i64) {
        HELD[self.site][0].fetch_add(blocks, Relaxed);
        HELD[self.site][1].fetch_add(blocks * self.layout.size() as i64, Relaxed);
    }

    fn pattern(&self) -> u8 {
        (self.address >> 4) as u8 | 1
    }

    fn bytes(&mut self) -> &mut [u8] {
        assert_eq!(self.address % self.layout.align(), 0, "{:?}", self.layout);
        let start = std::ptr::with_exposed_provenance_mut(self.address);
        // SAFETY: the block is live and this long, and one thread has it. Of a fresh one only the part that
        // is known to be zeroed is read before it is written.
        unsafe { std::slice::from_raw_parts_mut(start, self.layout.size()) }
    }
}

/// Every thread makes, resizes and frees blocks, and hands some on to the next thread, which goes on
/// with them. What is left over is the result.
fn workload() -> Vec<Block> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel()).unzip();
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(thread, from_others)| {
            let to_next = senders[(thread + 1) % THREADS].clone();
            std::thread::spawn(move || (work(thread as u64, &to_next, &from_others), from_others))
        })
        .collect();
    drop(senders);
    let ended: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    ended.into_iter().flat_map(|(blocks, from_others)| blocks.into_iter().chain(from_others)).collect()
}

fn work(seed: u64, to_next: &Sender<Block>, from_others: &Receiver<Block>) -> Vec<Block> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut blocks: Vec<Block> = Vec::new();
    for _ in 0..STEPS {
        match random() % 8 {
            0..=2 => blocks.push(Block::new(&mut random)),
            step if !blocks.is_empty() => {
                let block = blocks.swap_remove(random() % blocks.len());
                match step {
                    3 | 4 => blocks.push(block.resized(&mut random)),
                    5 => to_next.send(block).unwrap(),
                    _ => block.free(),
                }
            }
            _ => {}
        }
        blocks.extend(from_others.try_iter());
    }
    blocks
}

#[test]
fn scenario() {
    if !plays("scenario") {
        return;
    }
    let mode = std::env::var("ALLOC_TRACER").unwrap();
    let (stats_before, truth_before) = (alloc_tracer::stats(), Truth::now());
    let kept = workload();
    let (truth, stats) = (Truth::now(), alloc_tracer::stats());

    assert_eq!(Truth::by_tracer(&stats_before, &stats), truth.since(&truth_before));
    assert!(MOVED.load(Relaxed) > 1000 && IN_PLACE.load(Relaxed) > 1000, "{MOVED:?} {IN_PLACE:?}");
    assert!(kept.len() > 20, "{} blocks are left", kept.len());
    if let Some(interval) = mode.strip_prefix("interval=") {
        let kib: f64 = interval.trim_end_matches('k').parse().unwrap();
        is_near(truth.live_bytes, &kept, kib * 1024.0);
    }
    check_sites(&mode);

    kept.into_iter().for_each(Block::free);
    assert_eq!(HELD.each_ref().map(|[_, bytes]| bytes.load(Relaxed)), [0; SITES]);
    check_sites(&mode);
    let stats = alloc_tracer::stats();
    assert_eq!((stats.reentries, stats.lost_blocks, stats.lost_bytes, stats.stacks_lost), (0, 0, 0, 0));
    assert_eq!((stats.stacks_too_deep, stats.tracer_refusals), (0, 0));
}

/// The estimate of what is live is within six standard errors of the truth. The errors are those that follow from
/// the blocks: with few samples an estimate that is low has an error that is low as well.
fn is_near(live_bytes: u64, kept: &[Block], interval_bytes: f64) {
    let estimate: f64 = alloc_tracer::snapshot().sites().map(|site| site.values.inuse_space.value).sum();
    let sizes = || kept.iter().map(|block| block.layout.size() as f64);
    // A block is sampled with p = 1 - exp(-s / T) and then counts for s / p. Of small ones, as all others
    // are, the variance is s * T.
    let variance: f64 = sizes().map(|size| size * size / (size / interval_bytes).exp_m1()).sum();
    let others = live_bytes as f64 - sizes().sum::<f64>();
    let error = (variance + others * interval_bytes).sqrt();
    // Beside what was allocated before the environment was read.
    let off = (estimate - live_bytes as f64).abs();
    assert!(off <= 6.0 * error + 65_536.0, "{estimate} ± {error} of {live_bytes}");
}

/// What the sites hold by the profile, against what the program knows.
fn check_sites(mode: &str) {
    let profile = alloc_tracer::snapshot().profile();
    let [objects, space] = ["inuse_objects", "inuse_space"].map(|name| profile.column(name).unwrap());
    let mut by_profile = [[0_i64; 2]; SITES];
    for sample in profile.samples() {
        let lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
        let mut names = lines.map(|line| profile.text(profile.function(line.function).name));
        let site = names.find_map(|name| SITE.iter().position(|(site, _)| name.ends_with(site)));
        if let Some(site) = site {
            by_profile[site][0] += sample.values[objects];
            by_profile[site][1] += sample.values[space];
        }
    }
    let held = HELD.each_ref().map(|site| site.each_ref().map(|number| number.load(Relaxed)));
    match mode {
        "mode=exact" => assert_eq!(by_profile, held),
        "mode=off" => assert_eq!((profile.samples().len(), by_profile), (0, [[0; 2]; SITES])),
        _ => {
            let total: i64 = held.iter().map(|[_, bytes]| bytes).sum();
            assert_eq!(total == 0, by_profile == [[0; 2]; SITES], "{by_profile:?}");
        }
    }
}

fn in_every_mode(inner: &str) {
    // The second samples blocks where they are, the third sets small ones apart.
    for mode in ["mode=off", "interval=4k", "interval=40k", "mode=exact"] {
        let mut command = role("scenario", mode);
        command.env("ALLOC_TRACER_TEST_INNER", inner);
        let output = output_within_a_minute(command);
        assert!(output.status.success(), "{inner}, {mode}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn around_the_systems_allocator_every_mode_keeps_blocks_and_numbers() {
    in_every_mode("system");
}

#[test]
fn around_mimalloc_every_mode_keeps_blocks_and_numbers() {
    in_every_mode("mimalloc");
}

#[test]
fn around_jemalloc_every_mode_keeps_blocks_and_numbers() {
    in_every_mode("jemalloc");
}
