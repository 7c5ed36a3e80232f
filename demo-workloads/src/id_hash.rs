//! A hasher for consecutive ids that passes the id through as its own hash, as the crate nohash-hasher and
//! many a service's own "fast" hasher do. Demos use it where removed slots must become tombstones at the
//! same places in every run: with std's random keys that differs. Names no demo.
//! Broken by: `tests/demos/map_capacity.rs`, `tests/demos/map_growth.rs`.

use std::hash::{BuildHasherDefault, Hasher};

/// The third parameter of a `HashMap` whose keys are `u64`.
pub(crate) type IdHash = BuildHasherDefault<IdHasher>;

#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }

    /// Keys of other types are hashed by nothing here; folding their bytes keeps them correct.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
