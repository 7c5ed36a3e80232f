//! The size of hashbrown's table, from its source: what a map of so many entries holds, whatever it is
//! filled with. Names no demo.

/// hashbrown keeps a power of two of buckets, at most 7/8 of them full (small tables: all but one); a
/// bucket is one pair and one control byte, and one group of control bytes (16 with SSE2, 8 elsewhere)
/// is repeated at the end. The pairs are padded to the group's alignment.
/// Source: hashbrown, `src/raw.rs`, `capacity_to_buckets` and `TableLayout::calculate_layout_for`.
pub(crate) fn table_bytes<Pair>(entries: u64) -> i64 {
    const GROUP_BYTES: u64 = if cfg!(target_feature = "sse2") { 16 } else { 8 };
    let buckets = match entries {
        0 => return 0,
        1..4 => 4,
        4..8 => 8,
        _ => (entries * 8 / 7).next_power_of_two(),
    };
    let pairs_bytes = (buckets * size_of::<Pair>() as u64).next_multiple_of(GROUP_BYTES);
    (pairs_bytes + buckets + GROUP_BYTES) as i64
}
