//! std's own hasher with the same keys in every run. What a map holds depends on the hashes where entries are removed
//! (tombstones arise where neighbours are taken, and with them growth) and where they choose a shard, and so does how
//! often a wrong hash finds its key by luck. With `RandomState`, which a service should use, such figures would differ
//! from run to run. Names no demo.
//! Broken by: `tests/demos/same_text.rs`.

use std::hash::{BuildHasherDefault, DefaultHasher};

/// The third parameter of a `HashMap` whose figures are printed.
pub(crate) type FixedHasher = BuildHasherDefault<DefaultHasher>;
