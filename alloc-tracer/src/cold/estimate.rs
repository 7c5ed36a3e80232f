//! A number with its variance. Broken by: `tests/sampling_accuracy.rs`.

/// A number and how sure it is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// The number, or its unbiased estimate.
    pub value: f64,
    /// The estimated variance of `value`: Σ w(w-1) over the samples of blocks with weight w, times
    /// the square of their size for bytes; 0 for exact numbers.
    pub variance: f64,
}

impl Estimate {
    /// The standard error: about 95 % of the true numbers lie within two of them.
    pub fn standard_error(&self) -> f64 {
        self.variance.sqrt()
    }

    pub(crate) fn exact(value: u64) -> Estimate {
        Estimate { value: value as f64, variance: 0.0 }
    }
}
