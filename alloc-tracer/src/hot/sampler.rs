//! Which allocations are sampled, and what a sample stands for.
//!
//! The bytes that a thread allocates are laid on a line; sample points fall on it as a Poisson
//! process with one point per T bytes on average. A block is sampled if a point falls inside it:
//!
//! ```text
//!   |  block  | block |            block             |block|      p(s) = 1 - exp(-s / T)
//!   ---------------x--------x-----------x---------------------    weight w = 1 / p
//! ```
//!
//! The gap to the next point is drawn afresh at the end of a sampled block, whatever its size; as
//! the exponential distribution has no memory, every block of s bytes is sampled with p(s)
//! independently of all others. A sample counts for w blocks and w·s bytes (Horvitz–Thompson), and
//! the variance of a sum of weights is estimated without bias by the sum of w(w-1).
//! Broken by: `tests/sampling_accuracy.rs` and the tests below.

use super::mode::{self, IntervalId};

/// A generator of random bits per thread: SplitMix64 (Steele, Lea, Flood: "Fast splittable
/// pseudorandom number generators", OOPSLA 2014).
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How many whole bytes lie before the next sample point: exponential with mean `interval_bytes`,
/// rounded down. A block is sampled if the gap before it is less than its size.
pub(crate) fn draw_gap_bytes(random: u64, interval_bytes: u64) -> u64 {
    // Uniform in (0, 1]: 53 random bits, never zero.
    let uniform = ((random >> 11) as f64 + 1.0) * (1.0 / (1_u64 << 53) as f64);
    let gap = -libm::log(uniform) * interval_bytes as f64;
    // A cast to an integer rounds down here and saturates; 2^62 leaves room for an addition.
    (gap as u64).min(1 << 62)
}

/// How many blocks of this size a sample stands for: 1 / (1 - exp(-size / interval)), 1 if exact.
pub(crate) fn weight(size: u64, interval: IntervalId) -> f64 {
    if interval == IntervalId::EXACT {
        return 1.0;
    }
    let probability = -libm::expm1(-(size as f64) / mode::interval_bytes(interval) as f64);
    if probability > 0.0 { 1.0 / probability } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_exponential_and_a_block_is_sampled_as_often_as_the_formula_says() {
        let (interval, draws) = (4096_u64, 400_000);
        let mut state = 42;
        let gaps: Vec<u64> = (0..draws).map(|_| draw_gap_bytes(next_random(&mut state), interval)).collect();
        for size in [1_u64, 100, 4096, 20_000] {
            let sampled = gaps.iter().filter(|gap| **gap < size).count() as f64;
            let p = 1.0 - (-(size as f64) / interval as f64).exp();
            let deviation =
                (sampled - p * f64::from(draws)) / (f64::from(draws) * p * (1.0 - p)).sqrt().max(1.0);
            assert!(deviation.abs() < 5.0, "size {size}: {deviation} standard errors off");
        }
    }

    extern crate std;
    use std::vec::Vec;
}
