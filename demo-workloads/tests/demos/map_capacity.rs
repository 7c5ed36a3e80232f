//! `map-capacity`: the map that looks full holds a table for no job, a tidy-up that asks `capacity()` leaves it,
//! those that do not release it, and the printed block is the profile's.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::{bytes_of_buckets, bytes_of_growth};

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("map-capacity", "leaky", JOBS));

/// A table of 2^14 buckets filled to its limit of 7/8.
const JOBS: u64 = 7 << 11;
const BUCKETS: u64 = 1 << 14;
type Pair = (u64, [u8; 56]);
const ACCEPT: &str = "JobQueue::accept";
const GROWTH: [&str; 2] = ["reserve_rehash", "resize"];

/// The words of the row that begins so.
fn row<'a>(run: &'a ProfiledRun, state: &str) -> Vec<&'a str> {
    let line = run.text.lines().find_map(|line| line.strip_prefix(state));
    line.unwrap_or_else(|| panic!("{state}: {}", run.text)).split_whitespace().collect()
}

#[test]
fn a_map_whose_capacity_says_0_holds_its_whole_table() {
    let run = &*LEAKY;
    assert_eq!(run.under(ACCEPT, "inuse_space"), bytes_of_buckets::<Pair>(BUCKETS));
    assert_eq!(run.under(ACCEPT, "inuse_objects"), 1);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), ACCEPT, &GROWTH);
    // Even full it says less than the block: 14,336 × 64 B against 16,384 × 65 B.
    assert_eq!(row(run, "all accepted"), ["14,336", "14,336", "896.0", "KiB", "1.0", "MiB"]);
    // Every finished job leaves a tombstone: the emptier the map, the fuller it looks.
    assert_eq!(row(run, "1/4 finished"), ["10,752", "10,752", "672.0", "KiB", "1.0", "MiB"]);
    assert_eq!(row(run, "1/2 finished"), ["7,168", "7,168", "448.0", "KiB", "1.0", "MiB"]);
    assert_eq!(row(run, "3/4 finished"), ["3,584", "3,584", "224.0", "KiB", "1.0", "MiB"]);
    assert_eq!(row(run, "all finished"), ["0", "0", "0", "B", "1.0", "MiB"]);
    assert_eq!(row(run, "after the tidy-up"), row(run, "all finished"));
    assert!(run.text.contains("the tidy-up asked capacity(): 1.0 MiB kept for no job\n"), "{}", run.text);
    // One insertion sweeps the tombstones out, and the slots are there again, in the same block.
    assert_eq!(row(run, "one more accepted"), ["1", "14,336", "896.0", "KiB", "1.0", "MiB"]);
    assert!(run.text.contains("\nallocations that it took: 0\n"), "{}", run.text);
    assert_eq!(run.under(ACCEPT, "alloc_space"), bytes_of_growth::<Pair>(BUCKETS));
}

#[test]
fn under_stds_hasher_capacity_falls_far_and_not_to_0() {
    let scattered = row(&LEAKY, "under std's hasher a full table of");
    assert_eq!(scattered[0], "14,336");
    let left: u64 = scattered[2].replace(',', "").parse().unwrap();
    assert!(left > 0 && left < 14_336 / 2, "{left}");
}

#[test]
fn a_tidy_up_that_does_not_ask_capacity_releases_the_table() {
    for fix in ["fixed", "high-water"] {
        let run = ProfiledRun::exact("map-capacity", fix, JOBS);
        assert_eq!(row(&run, "all finished"), ["0", "0", "0", "B", "1.0", "MiB"], "{fix}");
        assert_eq!(row(&run, "after the tidy-up"), ["0", "0", "0", "B", "0", "B"], "{fix}");
        assert!(run.text.contains(" 0 B kept for no job\n"), "{fix}: {}", run.text);
        // The job after it needs the smallest table there is.
        assert_eq!(run.under(ACCEPT, "inuse_space"), bytes_of_buckets::<Pair>(4), "{fix}");
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("8k", "map-capacity", "leaky", JOBS);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), ACCEPT, &GROWTH);
    // A block 130 times as large as the interval is as good as certain to be sampled, and its
    // weight is then its size.
    let table = bytes_of_buckets::<Pair>(BUCKETS);
    run.assert_estimates(ACCEPT, table, 1);
}
