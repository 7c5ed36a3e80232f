//! The size of hashbrown's table, from its source: what a map holds, whatever it is filled with. Names no demo.

/// What a map of so many entries holds. hashbrown keeps a power of two of buckets, at most 7/8 of them full (small
/// tables: all but one).
/// Source: hashbrown, `src/raw.rs`, `capacity_to_buckets`.
pub(crate) fn table_bytes<Pair>(entries: u64) -> i64 {
    match entries {
        0 => 0,
        1..4 => bytes_of_buckets::<Pair>(4),
        4..8 => bytes_of_buckets::<Pair>(8),
        _ => bytes_of_buckets::<Pair>((entries * 8 / 7).next_power_of_two()),
    }
}

/// What a table of so many buckets holds: a bucket is one pair and one control byte, and one group of control bytes
/// (16 with SSE2, 8 elsewhere) is repeated at the end. The pairs are padded to the group's alignment.
/// Source: hashbrown, `src/raw.rs`, `TableLayout::calculate_layout_for`.
pub(crate) fn bytes_of_buckets<Pair>(buckets: u64) -> i64 {
    const GROUP_BYTES: u64 = if cfg!(target_feature = "sse2") { 16 } else { 8 };
    let pairs_bytes = (buckets * size_of::<Pair>() as u64).next_multiple_of(GROUP_BYTES);
    (pairs_bytes + buckets + GROUP_BYTES) as i64
}

/// What growth asks for up to a table of so many buckets: tables of 4, 8, 16 and so on, one after the other.
pub(crate) fn bytes_of_growth<Pair>(buckets: u64) -> i64 {
    (2..=buckets.ilog2()).map(|power| bytes_of_buckets::<Pair>(1 << power)).sum()
}
