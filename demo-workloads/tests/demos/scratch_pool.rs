//! `scratch-pool`: every buffer of a pool, and every thread's, is as large as the largest request it has served; pools
//! that trim keep little and ask anew for every giant.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;

const MIB: u64 = 1;
const GIANT_BYTES: i64 = (MIB << 20) as i64;
const SEARCH_GIANT_BYTES: i64 = GIANT_BYTES / 4;
const KEEP_BYTES: i64 = 64 << 10;
const BUFFERS: i64 = 8;
const WORKERS: i64 = 4;
/// Of 4,000 requests one in 401 and one in 201 is a giant.
const GIANTS: i64 = 9;
const SEARCH_GIANTS: i64 = 19;
const THUMBNAIL: &str = "draw_thumbnail";
const SEARCH: &str = "search_orders";
const EXPORT: &str = "export_report";
const ENCODE: &str = "encode_reply";
const PUT: &str = "BufferPool::put";

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("scratch-pool", "leaky", MIB));
static TRIMMED: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("scratch-pool", "trim", MIB));

#[test]
fn every_buffer_of_a_pool_is_as_large_as_its_largest_request() {
    let giants = [
        (EXPORT, BUFFERS, GIANT_BYTES),
        (ENCODE, WORKERS, GIANT_BYTES),
        (SEARCH, BUFFERS, SEARCH_GIANT_BYTES),
    ];
    for (function, buffers, bytes) in giants {
        assert_eq!(LEAKY.under(function, "inuse_space"), buffers * bytes, "{function}");
        assert_eq!(LEAKY.under(function, "inuse_objects"), buffers, "{function}");
    }
    // No giants among thumbnails: at most twice the largest, which is 32 KiB.
    let thumbnails = LEAKY.under(THUMBNAIL, "inuse_space");
    assert!((BUFFERS * (32 << 10)..=BUFFERS * (64 << 10)).contains(&thumbnails), "{thumbnails}");
    LEAKY.heaviest("inuse_space").assert_leads(EXPORT, &["reserve"]);
}

#[test]
fn the_table_sets_the_peak_against_the_median_of_each_pool() {
    let rows = [
        "search_orders                8    4,000   6.0 KiB 256.0 KiB   2.0 MiB         340\n",
        "export_report                8    4,000  12.0 KiB   1.0 MiB   8.0 MiB         681\n",
        "encode_reply (threads)       4    4,000   3.0 KiB   1.0 MiB   4.0 MiB       1,365\n",
    ];
    for row in rows {
        assert!(LEAKY.text.contains(row), "{row}{}", LEAKY.text);
    }
    assert!(LEAKY.text.ends_with(": still 14.4 MiB held by idle buffers\n"), "{}", LEAKY.text);
}

#[test]
fn a_pool_that_trims_keeps_what_most_requests_need() {
    for function in [EXPORT, SEARCH] {
        assert_eq!(TRIMMED.under(function, "inuse_space"), 0, "{function}");
    }
    // A trimmed buffer is reallocated where it was given back, a thread's where it was used.
    assert_eq!(TRIMMED.under(PUT, "inuse_space"), 2 * BUFFERS * KEEP_BYTES);
    assert_eq!(TRIMMED.under(ENCODE, "inuse_space"), WORKERS * KEEP_BYTES);
    assert_eq!(TRIMMED.under(THUMBNAIL, "inuse_space"), LEAKY.under(THUMBNAIL, "inuse_space"));
}

#[test]
fn a_pool_that_trims_asks_anew_for_every_giant() {
    let more = |function| TRIMMED.under(function, "alloc_space") - LEAKY.under(function, "alloc_space");
    assert_eq!(more(EXPORT), (GIANTS - BUFFERS) * GIANT_BYTES);
    assert_eq!(more(SEARCH), (SEARCH_GIANTS - BUFFERS) * SEARCH_GIANT_BYTES);
    assert_eq!(more(THUMBNAIL), 0);
    // Without a fix, alloc_space adds to inuse_space what the buffers grew through before their first giant.
    for function in [EXPORT, SEARCH] {
        let growth = LEAKY.under(function, "alloc_space") - LEAKY.under(function, "inuse_space");
        assert!((0..BUFFERS * KEEP_BYTES).contains(&growth), "{function}: {growth}");
    }
}

#[test]
fn every_fix_keeps_no_giant() {
    for fix in ["fixed", "trim", "drop-giants", "trim-to-recent"] {
        let run = ProfiledRun::exact_unnamed("scratch-pool", fix, MIB);
        let most = (3 * BUFFERS + WORKERS) * KEEP_BYTES;
        assert!(run.total("inuse_space") < most, "{fix} keeps {}", run.total("inuse_space"));
        assert!(run.total("alloc_space") > LEAKY.total("inuse_space"), "{fix}");
        assert!(!run.text.contains("still"), "{fix}: {}", run.text);
    }
}

#[test]
fn sampling_finds_the_same_stacks() {
    let run = ProfiledRun::sampled("8k", "scratch-pool", "leaky", MIB);
    // Each block is 32 times as large as the interval or more: as good as certain to be sampled, and its
    // weight is then its size.
    for function in [EXPORT, ENCODE, SEARCH] {
        let held = LEAKY.under(function, "inuse_space");
        run.assert_estimates(function, held, 1);
    }
}
