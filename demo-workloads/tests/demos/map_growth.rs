//! `map-growth`: every doubling holds two tables at once, which is the printed peak, a table that is made large
//! enough is made once, and a map under churn doubles once more and then sweeps its tombstones out in place.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::{bytes_of_buckets, bytes_of_growth};

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("map-growth", "leaky", ORDERS));

/// Somewhat more than fit into 2^14 buckets.
const ORDERS: u64 = 15_000;
const LAST: u32 = 15;
type Pair = (u64, [u8; 40]);
const ADD: &str = "OrderIndex::add";
const IMPORT: &str = "OrderIndex::for_import";
const GROWTH: [&str; 2] = ["reserve_rehash", "resize"];

/// What is printed after these words, on any line.
fn after<'a>(run: &'a ProfiledRun, words: &str) -> &'a str {
    let rest = run.text.split_once(words).unwrap_or_else(|| panic!("{words}: {}", run.text)).1;
    rest.lines().next().unwrap()
}

/// The first word of each row of the table: how many orders there were when the table grew.
fn orders_at_growth(run: &ProfiledRun) -> Vec<String> {
    let rows = run.text.lines().skip(1).take_while(|line| !line.starts_with("orders: "));
    rows.map(|row| row.split_whitespace().next().unwrap().replace(',', "")).collect()
}

#[test]
fn growth_holds_two_tables_at_once_and_allocates_twice_what_stays() {
    let run = &*LEAKY;
    assert_eq!(run.under(ADD, "inuse_space"), bytes_of_buckets::<Pair>(1 << LAST));
    assert_eq!(run.under(ADD, "inuse_objects"), 1);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), ADD, &GROWTH);
    assert_eq!(run.under(ADD, "alloc_space"), bytes_of_growth::<Pair>(1 << LAST));
    assert_eq!(run.under(ADD, "alloc_objects"), i64::from(LAST) - 1);
    assert_eq!(run.under(IMPORT, "alloc_space"), 0);

    // A table grows when 7/8 of its slots are full, the two smallest when all but one are.
    let limits = [0, 3, 7].into_iter().chain((4..LAST).map(|power| (7 << power) / 8));
    assert_eq!(orders_at_growth(run), limits.map(|orders| orders.to_string()).collect::<Vec<_>>());
    assert!(
        run.text.contains("  14,336    87.5 %    784.0 KiB      1.5 MiB        2.3 MiB\n"),
        "{}",
        run.text
    );
    assert_eq!(after(run, "orders: 15,000, "), "tables made: 14, held now: 1.5 MiB");
    // Two tables, of which the old one is half of the new one, but for a group of control bytes.
    assert_eq!(after(run, "at the peak: "), "2.3 MiB, 1.50 times as much");
    assert_eq!(after(run, "orders moved by the last insertion that grew: "), "14,336");
    let seen = after(run, "this run: the tracer saw a peak of ");
    assert!(seen.starts_with("2.3 MiB") || seen.starts_with("2.4 MiB"), "{seen}");
}

#[test]
fn a_map_made_large_enough_is_made_once_and_has_no_peak() {
    let run = ProfiledRun::exact("map-growth", "fixed", ORDERS);
    assert_eq!(run.under(ADD, "alloc_space"), 0);
    assert_eq!(run.under(IMPORT, "inuse_space"), bytes_of_buckets::<Pair>(1 << LAST));
    assert_eq!(run.under(IMPORT, "alloc_space"), bytes_of_buckets::<Pair>(1 << LAST));
    assert_eq!(run.under(IMPORT, "alloc_objects"), 1);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), IMPORT, &["with_capacity"]);
    assert_eq!(orders_at_growth(&run), ["0"]);
    assert_eq!(after(&run, "orders: 15,000, "), "tables made: 1, held now: 1.5 MiB");
    assert_eq!(after(&run, "at the peak: "), "1.5 MiB, 1.00 times as much");
    assert_eq!(after(&run, "orders moved by the last insertion that grew: "), "0");
    // Room for twice 150 requests is 2^9 buckets.
    let churn = "requests: 15,000, 150 of them at any time: ";
    assert_eq!(after(&run, churn), "their table 24.5 KiB, then 24.5 KiB;");
    let sweeps = requests_without_a_slot(448 - 150);
    assert_eq!(after(&run, "growth: "), format!("0, tombstones swept out in place: {sweeps} times"));
}

#[test]
fn a_map_under_churn_doubles_once_more_and_then_sweeps_in_place() {
    let run = &*LEAKY;
    // 150 requests fit into 2^8 buckets, of which 224 may be full; but more than half of 224 are.
    let churn = "requests: 15,000, 150 of them at any time: ";
    assert_eq!(after(run, churn), "their table 12.3 KiB, then 24.5 KiB;");
    // The first request that finds no slot doubles the table, those after it sweep.
    let sweeps = requests_without_a_slot(224 - 150) - 1;
    assert_eq!(after(run, "growth: "), format!("1, tombstones swept out in place: {sweeps} times"));
}

/// How often a request finds no free slot, where the first `free` requests find one. From then on the limit of
/// 2^9 buckets leaves 448 − 149 slots for the request that found none and those after it.
fn requests_without_a_slot(free: u64) -> u64 {
    (ORDERS - free).div_ceil(448 - 149)
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("8k", "map-growth", "leaky", ORDERS);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), ADD, &GROWTH);
    // A block 196 times as large as the interval is as good as certain to be sampled, and its
    // weight is then its size.
    let table = bytes_of_buckets::<Pair>(1 << LAST);
    run.assert_estimates(ADD, table, 1);
}
