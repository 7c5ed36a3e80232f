//! `map-share`: after the removals the boxed readings are gone and the table is not, and every printed share is that of
//! table ÷ (table + boxed values), down to the size of the value at which it crosses 62 %.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::{bytes_of_buckets, bytes_of_growth};

static LEAKY: LazyLock<ProfiledRun> =
    LazyLock::new(|| ProfiledRun::exact("map-share", "leaky", READING_BYTES));

const READING_BYTES: u64 = 64;
const DEVICES: i64 = 7 << 14;
type Pair = ([u8; 16], Box<[u8]>);
const BUCKETS: u64 = 1 << 17;
const RECORD: &str = "LatestReadings::record";
const COPY: &str = "copy_payload";
const GROWTH: [&str; 2] = ["reserve_rehash", "resize"];

/// The percentage that stays, as it is printed, of a map of 2^10 buckets.
fn share(entries: i64, reading_bytes: i64) -> String {
    let table = bytes_of_buckets::<Pair>(1 << 10);
    format!("{:.1}", 100.0 * table as f64 / (table + entries * reading_bytes) as f64)
}

#[test]
fn the_table_stays_when_the_boxed_values_are_gone() {
    let run = &*LEAKY;
    let table = bytes_of_buckets::<Pair>(BUCKETS);
    assert_eq!(run.under(RECORD, "inuse_space"), table);
    assert_eq!(run.under(RECORD, "inuse_objects"), 1);
    assert_eq!(run.under(COPY, "inuse_space"), 0);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), RECORD, &GROWTH);
    // 4.125 MiB and 16 B of table and 7 MiB of readings.
    assert!(run.text.contains("a reading of 64 B each: 11.1 MiB\n"), "{}", run.text);
    assert!(run.text.contains("all disconnected: 4.1 MiB, which is 37.1 %: the table\n"), "{}", run.text);
    assert!(run.text.contains("nothing shrinks the map: 4.1 MiB held for no device\n"), "{}", run.text);
}

#[test]
fn alloc_space_still_shows_every_reading_and_every_table() {
    let readings = DEVICES * READING_BYTES as i64;
    assert_eq!(LEAKY.under(COPY, "alloc_space"), readings);
    assert_eq!(LEAKY.under(COPY, "alloc_objects"), DEVICES);
    assert_eq!(LEAKY.under(RECORD, "alloc_space"), readings + bytes_of_growth::<Pair>(BUCKETS));
}

#[test]
fn the_small_maps_of_the_sweep_stand_beside_the_table_in_alloc_space_alone() {
    assert_eq!(LEAKY.under("sweep", "inuse_space"), 0);
    let towers = LEAKY.under(RECORD, "alloc_space") + LEAKY.under("sweep", "alloc_space");
    let beside = LEAKY.total("alloc_space") - towers;
    assert!(LEAKY.under("sweep", "alloc_space") > 0 && beside < 64 << 10, "{beside}");
}

#[test]
fn the_share_that_stays_depends_on_the_size_of_the_value() {
    let small = ProfiledRun::exact("map-share", "leaky", 1);
    assert!(small.text.contains("a reading of 1 B each: 4.2 MiB\n"), "{}", small.text);
    assert!(small.text.contains("which is 97.4 %: the table\n"), "{}", small.text);
    // The sweep is the same whatever the size of the first readings.
    for run in [&small, &*LEAKY] {
        assert_sweep_is_the_formulas(&run.text);
    }
}

fn assert_sweep_is_the_formulas(text: &str) {
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let rows: Vec<_> = rows.iter().filter(|row| row.len() == 6 && row[3] == "%").collect();
    let sizes: Vec<i64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(sizes[..8], [8, 16, 32, 64, 128, 256, 512, 1024], "{text}");
    for (row, size) in rows.iter().zip(&sizes) {
        assert_eq!((row[2], row[4]), (&*share(7 << 7, *size), &*share((7 << 6) + 1, *size)), "{text}");
    }
    // The last four rows: the largest size with which 62 % stay and the next one, twice.
    let [full, above_full, grown, above_grown] = sizes[8..] else { panic!("{text}") };
    let stays = |entries, size| share(entries, size).parse::<f64>().unwrap() >= 62.0;
    assert!(stays(7 << 7, full) && !stays(7 << 7, above_full) && above_full == full + 1, "{text}");
    assert!(stays((7 << 6) + 1, grown) && !stays((7 << 6) + 1, above_grown), "{text}");
    assert_eq!(above_grown, grown + 1);
    assert!(
        text.contains(&format!("62 % stay of a full table with readings of up to {full} B:\n")),
        "{text}"
    );
    assert!(text.contains(&format!("just grown with readings of up to {grown} B:\n")), "{text}");
    assert!(text.ends_with("with readings of 64 B inside the table 100.0 % stay\n"), "{text}");
}

#[test]
fn every_fix_gives_the_table_back() {
    for (fix, done) in [("fixed", "shrink_to_fit"), ("take", "mem::take")] {
        let run = ProfiledRun::exact("map-share", fix, 1);
        assert_eq!(run.under(RECORD, "inuse_space"), 0, "{fix}");
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
        assert!(run.under(RECORD, "alloc_space") > bytes_of_buckets::<Pair>(BUCKETS), "{fix}");
        assert!(run.text.contains(&format!("after {done}: 0 B held for no device\n")), "{}", run.text);
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("32k", "map-share", "leaky", 1);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), RECORD, &GROWTH);
    // A block 132 times as large as the interval is as good as certain to be sampled, and its
    // weight is then its size.
    let table = bytes_of_buckets::<Pair>(BUCKETS);
    run.assert_estimates(RECORD, table, 1);
}
