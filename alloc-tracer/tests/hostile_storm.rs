//! Eight threads that hand blocks to each other, around an allocator that gives a freed address to another thread
//! while the free is still under way: the layouts, the bytes, every total and every call stack's numbers are what
//! the threads know them to be, and nothing is left when all is freed.
//!
//! The long version, 10^8 operations in each mode: `HOSTILE_OPERATIONS=100000000 cargo test --release -p alloc-tracer
//! --test hostile_storm`. `ALLOC_TRACER_TEST_SEED` repeats a run's choices, not its threads' order.

mod child_process;
mod hostile_inner;

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use alloc_tracer::{AllocTracer, Mode, Stats};
use child_process::{output_within, plays, role};
use hostile_inner::{Hostile, REFUSED, TAKEN_MEANWHILE, last_layout, next_random, stop_and_refuse};

#[global_allocator]
static ALLOC: AllocTracer<Hostile> = AllocTracer::new(Hostile);

const THREADS: usize = 8;
const OPERATIONS: &str = "HOSTILE_OPERATIONS";
const CHANGES: &str = "HOSTILE_CHANGES";
const SEED: &str = "ALLOC_TRACER_TEST_SEED";

/// Where the threads leave blocks for each other.
static TABLE: [Mutex<Option<Block>>; 512] = [const { Mutex::new(None) }; 512];

/// What a profile says of a site, in its columns' order.
const COLUMNS: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];
type Numbers = [f64; 4];

/// How the blocks of a process are recorded, as far as the sizes and the weights depend on it.
#[derive(Clone, Copy, PartialEq)]
enum Recorded {
    /// Every block counts as itself.
    All,
    /// Sampled with certainty, each as itself: blocks of 48 intervals and more.
    Sampled,
    /// One block in a while, which the inner allocator sees by its alignment.
    Apart,
    /// By modes that follow each other.
    Changing,
}

const MODES: [Mode; 5] = [
    Mode::Off,
    Mode::Exact,
    Mode::DEFAULT,
    Mode::Sampled { interval_bytes: 40 << 10 },
    Mode::Sampled { interval_bytes: 1000 },
];

const APART_INTERVAL: f64 = 40.0 * 1024.0;

impl Recorded {
    fn sizes(self) -> std::ops::Range<usize> {
        match self {
            Recorded::All | Recorded::Changing => 1..100_000,
            Recorded::Sampled => 48..100_000,
            Recorded::Apart => 1..32 << 10,
        }
    }

    /// How many blocks the record of one that was allocated just now stands for.
    fn weight(self, layout: Layout) -> f64 {
        match self {
            Recorded::Apart if last_layout().align() != 512 => 0.0,
            Recorded::Apart => -1.0 / (-(layout.size() as f64) / APART_INTERVAL).exp_m1(),
            _ => 1.0,
        }
    }
}

/// A block, with a pattern on its first and its last bytes.
struct Block {
    address: usize,
    layout: Layout,
    site: usize,
    weight: f64,
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
            block
        })*
        const SITE: [(&str, Operation); SITES] = [$((stringify!($name), $name)),*];
    };
}

const SITES: usize = 7;
const ZEROED: std::ops::Range<usize> = 2..4;
const RESIZED: usize = 4;

sites! {
    storm_first_bytes: |_, layout, _| alloc(layout);
    storm_second_bytes: |_, layout, _| alloc(layout);
    storm_first_zeroes: |_, layout, _| alloc_zeroed(layout);
    storm_second_zeroes: |_, layout, _| alloc_zeroed(layout);
    storm_first_resized: |old, layout, size| realloc(old, layout, size);
    storm_second_resized: |old, layout, size| realloc(old, layout, size);
    storm_third_resized: |old, layout, size| realloc(old, layout, size);
}

impl Block {
    fn write(&self) {
        let pattern = self.pattern();
        for at in self.ends() {
            // SAFETY: inside the block, which one thread has.
            unsafe { self.start().add(at).write(pattern) };
        }
    }

    fn check(&self, below: usize) {
        for at in self.ends().into_iter().filter(|at| *at < below) {
            // SAFETY: inside the block, and written.
            let found = unsafe { self.start().add(at).read() };
            assert_eq!(found, self.pattern(), "byte {at} of {:#x}, {:?}", self.address, self.layout);
        }
    }

    fn ends(&self) -> [usize; 4] {
        let size = self.layout.size();
        [0, size.min(8) - 1, size.saturating_sub(8), size - 1]
    }

    fn pattern(&self) -> u8 {
        (self.layout.size() % 251) as u8 | 1
    }

    fn start(&self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.address)
    }
}

/// What one thread did: the truth.
#[derive(Clone, Copy, Default)]
struct Tally {
    allocations: u64,
    frees: u64,
    reallocations: u64,
    allocated_bytes: u64,
    freed_bytes: u64,
    sites: [[f64; 2]; SITES],
}

struct Worker {
    random: u64,
    recorded: Recorded,
    tally: Tally,
}

impl Worker {
    fn below(&mut self, limit: usize) -> usize {
        next_random(&mut self.random) as usize % limit
    }

    fn run(&mut self, operations: u64) {
        while self.tally.allocations + self.tally.frees + self.tally.reallocations < operations {
            if self.recorded == Recorded::Changing && self.below(10_000) == 0 {
                alloc_tracer::set_mode(MODES[self.below(MODES.len())]).unwrap();
            }
            let fresh = if self.below(16) == 0 { None } else { self.allocate() };
            let Some(handed) = self.exchange(fresh) else { continue };
            if self.below(3) != 0 {
                self.free(handed);
            } else {
                let resized = self.resize(handed);
                if let Some(handed) = self.exchange(Some(resized)) {
                    self.free(handed);
                }
            }
        }
    }

    /// Leaves a block for whoever comes, and takes what was left there.
    fn exchange(&mut self, block: Option<Block>) -> Option<Block> {
        let at = self.below(TABLE.len());
        std::mem::replace(&mut *TABLE[at].lock().unwrap(), block)
    }

    fn size(&mut self) -> usize {
        let size = match self.below(64) {
            0 => self.below(100_000),
            1..8 => 3000 + self.below(6000),
            // The same few classes most of the time, so that threads meet at one address.
            8..32 => 100 + self.below(100),
            _ => self.below(64),
        };
        size.clamp(self.recorded.sizes().start, self.recorded.sizes().end - 1)
    }

    fn allocate(&mut self) -> Option<Block> {
        // Whether a block that is asked for at a multiple of 512 is sampled cannot be seen.
        let aligns = if self.recorded == Recorded::Apart { 9 } else { 13 };
        let align = if self.below(8) == 0 { 1 << self.below(aligns) } else { 8 };
        let layout = Layout::from_size_align(self.size(), align).unwrap();
        let site = self.below(RESIZED);
        let address = SITE[site].1(std::ptr::null_mut(), layout, 0).expose_provenance();
        if address == 0 {
            return None;
        }
        assert_eq!(address % align, 0);
        let block = Block { address, layout, site, weight: self.recorded.weight(layout) };
        if ZEROED.contains(&site) {
            for at in block.ends() {
                // SAFETY: inside the block, and zeroed.
                assert_eq!(unsafe { block.start().add(at).read() }, 0);
            }
        }
        self.tally.allocations += 1;
        self.begin(&block);
        Some(block)
    }

    /// The block of another size, or, if that is refused, as it was.
    fn resize(&mut self, mut block: Block) -> Block {
        block.check(usize::MAX);
        let (site, size) = (RESIZED + self.below(SITES - RESIZED), self.size());
        let moved = SITE[site].1(block.start(), block.layout, size);
        if moved.is_null() {
            block.check(usize::MAX);
            return block;
        }
        let old = block.layout;
        block.address = moved.expose_provenance();
        block.check(size.min(old.size()));
        block.layout = Layout::from_size_align(size, old.align()).unwrap();
        block.site = site;
        block.weight = self.recorded.weight(block.layout);
        self.tally.reallocations += 1;
        self.tally.freed_bytes += old.size() as u64;
        self.begin(&block);
        block
    }

    fn begin(&mut self, block: &Block) {
        block.write();
        let bytes = block.layout.size();
        self.tally.allocated_bytes += bytes as u64;
        let [objects, space] = &mut self.tally.sites[block.site];
        *objects += block.weight;
        *space += block.weight * bytes as f64;
    }

    fn free(&mut self, block: Block) {
        block.check(usize::MAX);
        self.tally.frees += 1;
        self.tally.freed_bytes += block.layout.size() as u64;
        // SAFETY: the block is live, has this layout, and is not used again.
        unsafe { dealloc(block.start(), block.layout) };
    }
}

fn sum(tallies: impl Iterator<Item = Tally>) -> Tally {
    tallies.fold(Tally::default(), |mut sum, more| {
        sum.allocations += more.allocations;
        sum.frees += more.frees;
        sum.reallocations += more.reallocations;
        sum.allocated_bytes += more.allocated_bytes;
        sum.freed_bytes += more.freed_bytes;
        for (sum, more) in sum.sites.as_flattened_mut().iter_mut().zip(more.sites.as_flattened()) {
            *sum += more;
        }
        sum
    })
}

/// What the tracer counted between two moments is what the threads did.
fn check_totals(before: &Stats, after: &Stats, tally: &Tally) {
    let counted = [
        after.allocations - before.allocations,
        after.frees - before.frees,
        after.reallocations - before.reallocations,
        after.total_bytes - before.total_bytes,
        after.live_bytes.wrapping_sub(before.live_bytes),
        after.live_blocks.wrapping_sub(before.live_blocks),
    ];
    let truth = [
        tally.allocations,
        tally.frees,
        tally.reallocations,
        tally.allocated_bytes,
        tally.allocated_bytes.wrapping_sub(tally.freed_bytes),
        tally.allocations.wrapping_sub(tally.frees),
    ];
    assert_eq!(counted, truth);
    let losses = [after.lost_blocks, after.lost_bytes, after.reentries, after.tracer_refusals];
    assert_eq!((losses, after.stacks_lost, after.stacks_too_deep), ([0; 4], 0, 0));
}

/// What the profile says of each site, and how far rounding to whole numbers may have moved it.
fn by_profile() -> ([Numbers; SITES], f64) {
    let profile = alloc_tracer::snapshot().profile();
    let columns = COLUMNS.map(|name| profile.column(name).unwrap());
    let (mut sites, mut stacks) = ([[0.0; 4]; SITES], 0);
    for sample in profile.samples() {
        let lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
        let mut names = lines.map(|line| profile.text(profile.function(line.function).name));
        if let Some(site) = names.find_map(|name| SITE.iter().position(|(site, _)| name.ends_with(site))) {
            columns.iter().zip(&mut sites[site]).for_each(|(at, sum)| *sum += sample.values[*at] as f64);
            stacks += 1;
        }
    }
    (sites, f64::from(stacks) / 2.0)
}

fn check_sites(recorded: Recorded, tally: &Tally) {
    let mut truth = [[0.0; 4]; SITES];
    for (numbers, allocated) in truth.iter_mut().zip(tally.sites) {
        numbers[..2].copy_from_slice(&allocated);
    }
    for slot in &TABLE {
        if let Some(Block { site, weight, layout, .. }) = &*slot.lock().unwrap() {
            truth[*site][2] += weight;
            truth[*site][3] += weight * layout.size() as f64;
        }
    }
    let (found, rounded) = by_profile();
    for (site, (found, truth)) in found.iter().zip(&truth).enumerate() {
        for (column, (found, truth)) in found.iter().zip(truth).enumerate() {
            // Only sums of weights are not whole numbers.
            let tolerance = if recorded == Recorded::Apart { rounded + truth * 1e-9 } else { 0.0 };
            let (name, column) = (SITE[site].0, COLUMNS[column]);
            assert!((found - truth).abs() <= tolerance, "{name}, {column}: {found} for {truth}");
        }
    }
}

fn storm() {
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (operations, seed) = (number(OPERATIONS), number(SEED));
    let mode = std::env::var("ALLOC_TRACER").unwrap();
    let recorded = match mode.as_str() {
        _ if std::env::var_os(CHANGES).is_some() => Recorded::Changing,
        "interval=1" => Recorded::Sampled,
        "interval=40k" => Recorded::Apart,
        _ => Recorded::All,
    };
    // Eight bytes more are asked for where there is a tag.
    drop(black_box(Box::new(0_u8)));
    assert_eq!(last_layout().size(), if mode == "mode=exact" { 9 } else { 1 });
    let gate = Barrier::new(THREADS + 1);
    let work = |thread: usize| {
        let random = seed.wrapping_add(thread as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        stop_and_refuse(random, 50);
        let mut worker = Worker { random: !random, recorded, tally: Tally::default() };
        gate.wait();
        gate.wait();
        worker.run(operations / THREADS as u64);
        stop_and_refuse(0, 0);
        gate.wait();
        gate.wait();
        worker.tally
    };
    let (before, after, mut tally) = std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
        gate.wait();
        let before = alloc_tracer::stats();
        gate.wait();
        gate.wait();
        let after = alloc_tracer::stats();
        gate.wait();
        (before, after, sum(threads.into_iter().map(|thread| thread.join().unwrap())))
    });
    check_totals(&before, &after, &tally);
    if recorded != Recorded::Changing {
        check_sites(recorded, &tally);
    }
    let [met, refused] = [&TAKEN_MEANWHILE, &REFUSED].map(|count| count.load(Relaxed));
    let done = tally.allocations + tally.frees + tally.reallocations;
    eprintln!(
        "{mode}: {done} operations, {refused} refused; {met} addresses had another owner before they were freed"
    );
    assert!(met > operations / 1000 && refused > operations / 1000);

    let mut last = Worker { random: seed, recorded, tally: Tally::default() };
    TABLE.iter().filter_map(|slot| slot.lock().unwrap().take()).for_each(|block| last.free(block));
    tally = sum([tally, last.tally].into_iter());
    assert_eq!((tally.allocations, tally.allocated_bytes), (tally.frees, tally.freed_bytes));
    let (left, _) = by_profile();
    assert_eq!(left.map(|[.., objects, space]| [objects, space]), [[0.0; 2]; SITES], "stale records");
}

fn plays_the_storm(mode: &str, changes: bool) {
    let from_environment = |name, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let (operations, seed) = (from_environment(OPERATIONS, "500000"), from_environment(SEED, "1"));
    let mut command = role("storm", mode);
    command.env(OPERATIONS, operations).env(SEED, &seed);
    if changes {
        command.env(CHANGES, "1");
    }
    // A chosen number of operations may take hours.
    let limit = if std::env::var_os(OPERATIONS).is_some() { 2 * 60 * 60 } else { 5 * 60 };
    let output = output_within(command, Duration::from_secs(limit));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{mode}, {SEED}={seed}: {} {said}", output.status);
    print!("{SEED}={seed} {said}");
}

fn main() {
    if plays("storm") {
        return storm();
    }
    in_exact_mode_every_number_is_what_the_threads_did();
    in_sampled_mode_every_number_is_what_the_threads_did();
    changes_of_mode_leave_nothing_behind();
    println!("hostile_storm: ok");
}

fn in_exact_mode_every_number_is_what_the_threads_did() {
    plays_the_storm("mode=exact", false);
    plays_the_storm("mode=exact,blocks=listed", false);
}

fn in_sampled_mode_every_number_is_what_the_threads_did() {
    plays_the_storm("interval=1", false);
    plays_the_storm("interval=40k", false);
}

fn changes_of_mode_leave_nothing_behind() {
    plays_the_storm("mode=exact", true);
    plays_the_storm("mode=off", true);
}
