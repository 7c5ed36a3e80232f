//! `collect-in-place`: a thousandth of the readings holds all their memory, at the stack that loaded them, whatever
//! they are collected into; three ways of collecting hold what they keep. The table says when this standard library
//! does so.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;

const READINGS: i64 = 64_000;
const READING_BYTES: i64 = 64;
const HOURS: i64 = 4;
const HOUR_BYTES: i64 = READINGS * READING_BYTES;
const KEPT_BYTES: i64 = HOURS * READINGS / 1000 * READING_BYTES;
const LOAD: &str = "load_hour";
const SELECT: &str = "select_alerts";

static LEAKY: LazyLock<ProfiledRun> =
    LazyLock::new(|| ProfiledRun::exact("collect-in-place", "leaky", READINGS as u64));

#[test]
fn a_thousandth_of_the_readings_holds_whole_hours_at_the_stack_that_loaded_them() {
    assert_eq!(LEAKY.under(LOAD, "inuse_space"), HOURS * HOUR_BYTES);
    assert_eq!(LEAKY.under(LOAD, "inuse_objects"), HOURS);
    LEAKY.heaviest("inuse_space").assert_dominates(LEAKY.total("inuse_space"), LOAD, &["collect"]);
    // The place that keeps has never asked for a byte.
    assert_eq!(LEAKY.under(SELECT, "alloc_space"), 0);
    assert!(LEAKY.text.contains("256 kept, in lists with room for 256,000\n"), "{}", LEAKY.text);
    assert!(LEAKY.text.ends_with("still 15.6 MiB held by the program\n"), "{}", LEAKY.text);
}

#[test]
fn the_first_few_and_smaller_items_hold_as_much() {
    for (leak, room) in [("take", "256,000"), ("ids", "2,048,000")] {
        let run = ProfiledRun::exact_unnamed("collect-in-place", leak, READINGS as u64);
        assert_eq!(run.total("inuse_space"), LEAKY.total("inuse_space"), "{leak}");
        assert!(run.text.contains(&format!("256 kept, in lists with room for {room}\n")), "{}", run.text);
    }
}

#[test]
fn the_table_says_when_collect_keeps_the_buffer_and_when_it_asks_for_a_new_one() {
    let rows = [
        "into_iter().filter()                           1     1,000   62.5 KiB\n",
        "into_iter().filter().map() to 8 B              1     8,000   62.5 KiB\n",
        // 64,000 bytes are 2,666 items of 24, and 16 bytes that are cut off.
        "into_iter().filter().map() to 24 B             1     2,666   62.5 KiB\n",
        // Another alignment: a new buffer, which starts with room for four.
        "into_iter().filter().map() to u32              1         4       16 B\n",
        "into_iter(), less than half of it read       750     1,000   62.5 KiB\n",
        "into_iter(), more than half of it read       250       250   15.6 KiB\n",
        "iter().filter().cloned()                       1         4      256 B\n",
    ];
    assert!(LEAKY.text.contains(&rows.concat()), "{}", LEAKY.text);
}

#[test]
fn every_fix_holds_what_it_keeps() {
    for fix in ["fixed", "shrink", "boxed-slice", "collect-from-ref"] {
        let run = ProfiledRun::exact_unnamed("collect-in-place", fix, READINGS as u64);
        assert!(
            run.total("inuse_space") < KEPT_BYTES + (64 << 10),
            "{fix} holds {}",
            run.total("inuse_space")
        );
        assert!(run.text.contains("256 kept, in lists with room for 256\n"), "{fix}: {}", run.text);
        assert!(
            run.text.ends_with("alerts of 4 hours: 16.1 KiB held by the program\n"),
            "{fix}: {}",
            run.text
        );
    }
}

#[test]
fn alloc_space_counts_the_loading_whether_fixed_or_not() {
    let fixed = ProfiledRun::exact("collect-in-place", "shrink", READINGS as u64);
    for run in [&LEAKY, &fixed] {
        assert_eq!(run.under(LOAD, "alloc_space"), HOURS * HOUR_BYTES);
        // The table's readings, an hour's 64th for each of its seven rows.
        assert_eq!(run.under("small_hour", "alloc_space"), 7 * HOUR_BYTES / 64);
        assert_eq!(run.under("small_hour", "inuse_space"), 0);
    }
    assert_eq!(fixed.under(LOAD, "inuse_space"), 0);
    // Shrinking reallocates, so the kept alerts stand where they were selected.
    assert_eq!(fixed.under(SELECT, "inuse_space"), KEPT_BYTES);
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("32k", "collect-in-place", "leaky", READINGS as u64);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), LOAD, &["collect"]);
    // Each hour is 125 times as large as the interval: as good as certain to be sampled, and its weight is
    // then its size.
    let held = HOURS * HOUR_BYTES;
    run.assert_estimates(LOAD, held, 1);
}
