//! What a site has allocated: four words per call-tree node that allocates. In exact mode they count its
//! allocations and frees, beside what threads count of their busiest sites (`thread_sites.rs`); under
//! sampling they are sums of weights of allocations, and what a site holds is summed over the live table.
//! Broken by: `tests/exact_counts.rs`, `tests/sampling_accuracy.rs`.

use super::arena::{Arena, Zeroed};
use crate::sys::atomics::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use crate::sys::pages::Part;

/// Four words whose meaning depends on the root of the call tree that the site is under.
#[derive(Default)]
pub(crate) struct SiteValues([AtomicU64; 4]);

// SAFETY: zeroed atomics are valid, `Sync`, and have no drop glue.
unsafe impl Zeroed for SiteValues {}

const _: () = assert!(size_of::<SiteValues>() == 32);

/// Blocks of one site and their bytes: those allocated, or those freed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExactSums {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// Sums over the samples of one site.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct SampledSums {
    /// Σ w: the estimated number of allocations.
    pub(crate) allocations: f64,
    /// Σ w·s: the estimated number of bytes.
    pub(crate) allocated_bytes: f64,
    /// Σ w(w-1): the estimated variance of `allocations`.
    pub(crate) allocations_variance: f64,
    /// Σ s²·w(w-1): the estimated variance of `allocated_bytes`.
    pub(crate) allocated_bytes_variance: f64,
}

/// All values; index 0 is nobody's.
pub(crate) static SITE_VALUES: Arena<SiteValues, 13, 8192> = Arena::with_reserved(1, Part::SiteValues);

impl ExactSums {
    pub(crate) fn add(&mut self, more: ExactSums) {
        self.count = self.count.wrapping_add(more.count);
        self.bytes = self.bytes.wrapping_add(more.bytes);
    }
}

impl SiteValues {
    /// Adds an allocation and says how many there were before.
    pub(crate) fn add_allocation(&self, bytes: u64) -> u64 {
        let [count, sum, ..] = &self.0;
        sum.fetch_add(bytes, Relaxed);
        count.fetch_add(1, Release)
    }

    /// Adds a free and says how many there were before. Who sees either word changed sees the allocation too,
    /// if it reads that one afterwards.
    pub(crate) fn add_free(&self, bytes: u64) -> u64 {
        let [.., count, sum] = &self.0;
        sum.fetch_add(bytes, Release);
        count.fetch_add(1, Release)
    }

    pub(crate) fn add_sample(&self, bytes: u64, weight: f64) {
        let size = bytes as f64;
        let variance = weight * (weight - 1.0);
        let [a, b, c, d] = &self.0;
        add_float(a, weight);
        add_float(b, weight * size);
        add_float(c, variance);
        add_float(d, size * size * variance);
    }

    pub(crate) fn allocated(&self) -> ExactSums {
        let [count, bytes, ..] = &self.0;
        ExactSums { count: count.load(Acquire), bytes: bytes.load(Acquire) }
    }

    pub(crate) fn freed(&self) -> ExactSums {
        let [.., count, bytes] = &self.0;
        ExactSums { count: count.load(Acquire), bytes: bytes.load(Acquire) }
    }

    pub(crate) fn sampled(&self) -> SampledSums {
        let [a, b, c, d] = self.0.each_ref().map(|word| f64::from_bits(word.load(Relaxed)));
        SampledSums {
            allocations: a,
            allocated_bytes: b,
            allocations_variance: c,
            allocated_bytes_variance: d,
        }
    }
}

/// Lock-free: a thread repeats the exchange only when another one has just succeeded.
fn add_float(sum: &AtomicU64, amount: f64) {
    let mut bits = sum.load(Relaxed);
    loop {
        let next = (f64::from_bits(bits) + amount).to_bits();
        match sum.compare_exchange_weak(bits, next, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(now) => bits = now,
        }
    }
}
