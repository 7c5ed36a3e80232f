//! The columns of a heap profile: Go's four, and under sampling their variances. Broken by:
//! `tests/sampling_accuracy.rs`, the tests of `flamegraph/`.

use super::{Profile, ValueType};

/// The columns that every heap profile of the tracer starts with, in Go's order.
pub const HEAP_SAMPLE_TYPES: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// The columns that follow in a sampled profile: the variance of the estimate in the column of the
/// same position in [`HEAP_SAMPLE_TYPES`]. Variances of different stacks add up, so the standard
/// error of any sum of stacks is the square root of the sum of its variances. Those of bytes are in
/// square KiB: in square bytes a sum over a few terabytes would not fit into 63 bits.
pub const VARIANCE_SAMPLE_TYPES: [(&str, &str); 4] = [
    ("alloc_objects_variance", "count^2"),
    ("alloc_space_variance", "KiB^2"),
    ("inuse_objects_variance", "count^2"),
    ("inuse_space_variance", "KiB^2"),
];

/// Bytes² in the unit of a variance of bytes.
pub const VARIANCE_UNIT_BYTES2: f64 = 1024.0 * 1024.0;

impl Profile {
    /// The column that holds the variance of the estimates in `column`, if the profile has one, and
    /// what one unit of it is in squares of the estimates' unit.
    pub fn variance_column(&self, column: usize) -> Option<(usize, f64)> {
        let name = self.text(self.sample_types[column].name);
        let at = HEAP_SAMPLE_TYPES.iter().position(|(heap, _)| *heap == name)?;
        let (name, unit) = VARIANCE_SAMPLE_TYPES[at];
        Some((self.column(name)?, if unit == "KiB^2" { VARIANCE_UNIT_BYTES2 } else { 1.0 }))
    }

    /// Declares the four heap columns, and their variances if the profile holds estimates.
    pub fn declare_heap_columns(&mut self, sampled: bool) {
        let variances: &[_] = if sampled { &VARIANCE_SAMPLE_TYPES } else { &[] };
        for (name, unit) in HEAP_SAMPLE_TYPES.iter().chain(variances) {
            self.add_sample_type(name, unit);
        }
        self.default_sample_type = self.intern("inuse_space");
        self.period_type = ValueType { name: self.intern("space"), unit: self.intern("bytes") };
    }
}
