//! Sampled estimates are unbiased, and their printed standard errors are neither too small nor too large: over many
//! rounds with known truth, for sizes from 1 B to 64 MiB, intervals from 4 KiB to 8 MiB, sizes mixed on one stack,
//! and blocks of one stack that were sampled at different intervals, half of them freed.
//!
//! Small blocks at long intervals take long: `SAMPLING_ALL=1 cargo test --release -p alloc-tracer --test
//! sampling_accuracy` has them all. `ALLOC_TRACER_TEST_SEED` chooses other samples than usual.

mod child_process;
#[path = "scenarios/scenario.rs"]
mod scenario;

use std::time::Duration;

use alloc_tracer::{AllocTracer, Estimate, Mode};
use child_process::{output_within, plays, role};

// Off until the rounds begin: a block of the harness that is sampled before would stand for half a
// megabyte in every round.
#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

/// Set, it has the slow rounds done as well.
const ALL: &str = "SAMPLING_ALL";
const SEED: &str = "ALLOC_TRACER_TEST_SEED";

/// What one round allocates, all on one stack, and how many rounds there are. A round has at least `SAMPLES` samples
/// of each size at each interval: with a handful of samples an estimate is still unbiased, but so skewed that no
/// standard error describes it.
struct Case {
    sizes: &'static [usize],
    /// One after the other, in one round.
    intervals: &'static [u64],
    rounds: usize,
}

const SAMPLES: f64 = 60.0;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const fn case(sizes: &'static [usize], intervals: &'static [u64], rounds: usize) -> Case {
    Case { sizes, intervals, rounds }
}

const QUICK: [Case; 13] = [
    case(&[1], &[256], 300),
    case(&[16], &[4 * KIB], 300),
    case(&[100], &[4 * KIB], 600),
    case(&[4096], &[4 * KIB], 600),
    case(&[1000], &[64 * KIB], 300),
    case(&[20_000], &[64 * KIB], 600),
    case(&[512 << 10], &[512 * KIB], 600),
    case(&[1 << 20], &[512 * KIB], 600),
    case(&[4 << 20], &[8 * MIB], 300),
    case(&[64 << 20], &[512 * KIB], 20),
    case(&[4 << 20, 64 << 20], &[8 * MIB], 300),
    case(&[1000, 30_000, 100_000], &[64 * KIB], 300),
    case(&[500, 20_000], &[4 * KIB, 64 * KIB, 40 * KIB], 150),
];

const SLOW: [Case; 7] = [
    case(&[1], &[4 * KIB], 300),
    case(&[1], &[64 * KIB], 100),
    case(&[16], &[512 * KIB], 100),
    case(&[4096], &[512 * KIB], 300),
    case(&[1000], &[8 * MIB], 100),
    case(&[100_000], &[8 * MIB], 300),
    case(&[100, 2000], &[64 * KIB, 4 * KIB, 512 * KIB], 100),
];

#[test]
fn estimates_are_unbiased_and_know_their_error() {
    let seed = std::env::var(SEED).unwrap_or_else(|_| "1".to_owned());
    let limit = if std::env::var_os(ALL).is_some() { 2 * 60 * 60 } else { 5 * 60 };
    let output = output_within(role("the_rounds", &format!("seed={seed}")), Duration::from_secs(limit));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{SEED}={seed}: {} {said}", output.status);
    print!("{said}");
}

#[test]
fn the_rounds() {
    if !plays("the_rounds") {
        return;
    }
    // A block of the harness's own that is sampled would be in use in every round.
    scenario::settle();
    let slow = if std::env::var_os(ALL).is_some() { &SLOW[..] } else { &[] };
    let mut all = Check::default();
    for case in QUICK.iter().chain(slow) {
        let mut checks = [Check::default(); 4];
        for _ in 0..case.rounds {
            one_round(case, &mut checks);
        }
        let Case { sizes, intervals, .. } = case;
        let columns = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];
        for (check, column) in checks.iter().zip(columns) {
            check.assert_right(&format!("sizes {sizes:?} every {intervals:?} B, {column}"), 0.03);
        }
        all.merge(&checks[1]);
    }
    // All stacks and rounds together know the spread to a few per cent.
    all.assert_right("all rounds", 0.03);
}

fn one_round(case: &Case, checks: &mut [Check; 4]) {
    alloc_tracer::reset();
    let mut kept = alloc_tracer::untracked(Vec::new);
    let mut truth = [0.0; 4];
    for interval_bytes in case.intervals {
        alloc_tracer::set_mode(Mode::Sampled { interval_bytes: *interval_bytes }).unwrap();
        let probability = |size: usize| 1.0 - (-(size as f64) / *interval_bytes as f64).exp();
        let rarest = case.sizes.iter().map(|size| probability(*size)).fold(1.0, f64::min);
        // An even number, of which one half is freed.
        let pairs = (SAMPLES / rarest / 2.0).ceil() as usize;
        let sets = pairs * 2;
        alloc_tracer::untracked(|| kept.reserve(sets * case.sizes.len()));
        let first = kept.len();
        allocate(case.sizes, sets, &mut kept);
        alloc_tracer::untracked(|| drop(kept.drain(first..first + pairs * case.sizes.len())));
        let (blocks, bytes) = (case.sizes.len() as f64, case.sizes.iter().sum::<usize>() as f64);
        let (sets, pairs) = (sets as f64, pairs as f64);
        for (sum, more) in truth.iter_mut().zip([sets * blocks, sets * bytes, pairs * blocks, pairs * bytes])
        {
            *sum += more;
        }
    }
    let snapshot = alloc_tracer::snapshot();
    alloc_tracer::untracked(|| drop(kept));
    let mut sums = [Estimate::default(); 4];
    for values in snapshot.sites().map(|site| site.values) {
        let four = [values.alloc_objects, values.alloc_space, values.inuse_objects, values.inuse_space];
        for (sum, value) in sums.iter_mut().zip(four) {
            sum.value += value.value;
            sum.variance += value.variance;
        }
    }
    for ((check, sum), truth) in checks.iter_mut().zip(sums).zip(truth) {
        check.add(sum, truth);
    }
}

/// Blocks that are not touched, so that 64 MiB of them cost address space only. The vector that
/// keeps them is not tracked: it is not part of the truth.
#[inline(never)]
fn allocate(sizes: &[usize], sets: usize, kept: &mut Vec<Vec<u8>>) {
    for _ in 0..sets {
        kept.extend(sizes.iter().map(|size| Vec::with_capacity(*size)));
    }
}

/// How far the estimates of many rounds are off, and how far they say that they may be.
#[derive(Debug, Clone, Copy, Default)]
struct Check {
    rounds: f64,
    deviation: f64,
    variance: f64,
    /// The squares of deviations in standard errors.
    squares: f64,
}

impl Check {
    fn add(&mut self, estimate: Estimate, truth: f64) {
        let off = estimate.value - truth;
        if estimate.variance < truth * 1e-9 {
            // Every block was sampled with certainty: rounding is all that may be off.
            assert!(off.abs() <= truth * 1e-9, "{} for {truth} without an error", estimate.value);
            return;
        }
        self.rounds += 1.0;
        self.deviation += off;
        self.variance += estimate.variance;
        self.squares += off * off / estimate.variance;
    }

    fn merge(&mut self, more: &Check) {
        self.rounds += more.rounds;
        // In standard errors of each case's own, for bytes of one case are not those of another.
        self.deviation += more.deviation / more.variance.sqrt().max(1.0);
        self.variance += f64::from(more.rounds != 0.0);
        self.squares += more.squares;
    }

    /// The sum of all estimates is within five of its standard errors of the truth, and the deviations of the
    /// rounds, in their standard errors, spread by 1: within five standard errors of such a spread, and a `skew`
    /// because an estimate that is low has an error that is low as well.
    ///
    /// With other seeds than the usual one, each would fail by chance once in 1.7 million times, if deviations were
    /// normal; the usual seed draws the same samples every time.
    fn assert_right(&self, what: &str, skew: f64) {
        if self.rounds == 0.0 {
            eprintln!("{what}: exact");
            return;
        }
        let errors = self.deviation / self.variance.sqrt();
        let spread = (self.squares / self.rounds).sqrt();
        eprintln!("{what}: off by {errors:.2} standard errors, spread by {spread:.3}");
        assert!(errors.abs() <= 5.0, "{what}: biased by {errors:.2} standard errors");
        let tolerance = 5.0 / (2.0 * self.rounds).sqrt() + skew;
        assert!(
            (spread - 1.0).abs() <= tolerance,
            "{what}: deviations spread by {spread:.3} standard errors"
        );
    }
}
