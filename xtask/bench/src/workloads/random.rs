//! Numbers that look random and are the same in every run.

/// A linear congruential generator with Knuth's constants for MMIX.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Random(1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
