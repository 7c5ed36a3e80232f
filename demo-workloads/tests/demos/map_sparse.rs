//! `map-sparse`: a map that is less than a quarter full holds its whole table; the helper leaves half of it, a rebuild
//! and `shrink_to_fit` a quarter; and the sweep says where the 25 % rule acts and what that leaves.

use std::sync::LazyLock;

use crate::profiled_run::{ProfiledRun, printed_bytes};
use crate::table_bytes::{bytes_of_buckets, bytes_of_growth};

/// Room for 114,688 sessions, and for 1,792 in the sweep.
const SIZE: u64 = 100_000;
const SLOTS: u64 = 1 << 17;
const SWEPT_SLOTS: u64 = 1 << 11;
type Pair = (u64, [u8; 64]);
const OPEN: &str = "SessionStore::open";
const CLOSE: &str = "SessionStore::close_oldest";
const AFTER: &str = "SessionStore::after_busiest_hour";
const GROWTH: [&str; 2] = ["reserve_rehash", "resize"];

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("map-sparse", "leaky", SIZE));
static FIXED: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("map-sparse", "fixed", SIZE));

#[test]
fn a_map_that_is_a_quarter_full_holds_the_table_of_its_fullest_hour() {
    let run = &*LEAKY;
    assert_eq!(run.under(OPEN, "inuse_space"), bytes_of_buckets::<Pair>(SLOTS));
    assert_eq!(run.under(OPEN, "inuse_objects"), 1);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &GROWTH);
    assert_eq!(run.under("sweep", "inuse_space"), 0);
    assert!(run.text.contains("\n28,000 left, 24.4 % of that room: 9.1 MiB held\n"), "{}", run.text);
    assert_eq!(run.under(OPEN, "alloc_space"), bytes_of_growth::<Pair>(SLOTS));
    let towers = run.under(OPEN, "alloc_space") + run.under("sweep", "alloc_space");
    assert!(run.total("alloc_space") - towers < 64 << 10, "{} elsewhere", run.total("alloc_space") - towers);
}

#[test]
fn every_fix_leaves_a_smaller_table_where_it_asked_for_it() {
    let exact = |fix| ProfiledRun::exact("map-sparse", fix, SIZE);
    let moved_at_a_quarter = "1, sessions moved 28,671";
    for (run, function, slots, cost) in [
        (&*FIXED, CLOSE, SLOTS / 2, moved_at_a_quarter),
        (&exact("rebuild"), CLOSE, SLOTS / 4, moved_at_a_quarter),
        (&exact("shrink-to-fit"), AFTER, SLOTS / 4, "1, sessions moved 28,000"),
    ] {
        assert_eq!(run.under(OPEN, "inuse_space"), 0, "{}", run.text);
        assert_eq!(run.under(function, "inuse_space"), bytes_of_buckets::<Pair>(slots), "{}", run.text);
        // All that was ever asked for there is that one table: nothing moved twice.
        assert_eq!(run.under(function, "alloc_space"), bytes_of_buckets::<Pair>(slots), "{}", run.text);
        run.heaviest("inuse_space").assert_dominates(
            run.total("inuse_space"),
            function,
            &["resize", "reserve"],
        );
        assert!(run.text.ends_with(&format!("cost of giving back: allocations {cost}\n")), "{}", run.text);
    }
}

/// Rows of the sweep: filled, removed, density, held, capacity(), what the rule says, and what is left by the helper, a
/// rebuild, `shrink_to_fit`.
fn sweep_rows(text: &str) -> Vec<[f64; 8]> {
    let rows = text.lines().skip(2).take_while(|row| row.contains(" % "));
    rows.map(|row| {
        let row = row.replace("give back", "give-back").replace(',', "");
        let fields: Vec<&str> = row.split_whitespace().filter(|field| *field != "%").collect();
        let gives = f64::from(u8::from(fields[6] == "give-back"));
        assert!(gives == 1.0 || fields[6] == "keep", "{row}");
        let share = |at: usize| fields[at].parse::<f64>().unwrap();
        let left = |at: usize| printed_bytes(&fields[at..at + 2].join(" "));
        [share(1), share(2), left(3), share(5), gives, left(7), left(9), left(11)]
    })
    .collect()
}

#[test]
fn the_sweep_says_where_the_rule_acts_and_what_each_way_leaves() {
    const ROOM: f64 = 1_792.0;
    let run = &*LEAKY;
    let rows = sweep_rows(&run.text);
    assert_eq!(rows.len(), 17, "{}", run.text);
    for [_, density, held, _, gives, helped, rebuilt, fitted] in &rows {
        assert!(
            (held - bytes_of_buckets::<Pair>(SWEPT_SLOTS) as f64).abs() < 60.0,
            "what was removed changed the table: {held}"
        );
        assert_eq!(*gives == 1.0, *density < 25.0, "{density}");
        assert_eq!(*gives == 1.0, helped < held, "{density}: the helper leaves {helped} of {held}");
        assert_eq!(rebuilt, fitted, "{density}");
        assert!(rebuilt <= helped, "{density}");
    }
    let row = |density: f64, removed: f64| {
        *rows.iter().find(|row| row[1] == density && row[0] == removed).expect("a row of the table")
    };
    let [_, _, held, capacity, gives, helped, _, fitted] = row(24.4, 75.6);
    assert_eq!(gives, 1.0);
    assert!((helped / held - 0.5).abs() < 0.01 && (fitted / held - 0.25).abs() < 0.01, "{helped} {fitted}");
    // By what `capacity()` says the rule would not act.
    assert!(0.244 * ROOM * 4.0 > capacity, "{capacity}");
    assert_eq!(row(97.7, 0.0)[4], 0.0);
    assert_eq!(row(25.0, 75.0)[4], 0.0, "exactly a quarter is kept");
    assert_eq!(row(100.0, 0.0)[3], ROOM);
}

#[test]
fn the_page_on_shrinking_shows_what_the_demo_prints() {
    let run = &*FIXED;
    let page = include_str!("../../../docs/shrinking.md");
    assert!(
        page.contains(&format!("```text\n{}```\n", run.text)),
        "the page shows something else than:\n{}",
        run.text
    );
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("64k", "map-sparse", "leaky", SIZE);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &GROWTH);
    // One block 146 times as large as the interval is as good as certain to be sampled, and its weight is its size.
    run.assert_estimates(OPEN, bytes_of_buckets::<Pair>(SLOTS), 1);
}
