//! `pin-pages`: a heap that is nearly empty and still in memory, and what brings it back.

use crate::profiled_run::{ProfiledRun, printed_bytes};

const CONNECTIONS: u64 = 160_000;
const SURVIVORS: i64 = CONNECTIONS as i64 / 64;
const CONNECTION_BYTES: i64 = 256;
const ALL_MIB: f64 = (CONNECTIONS as i64 * CONNECTION_BYTES) as f64 / 1048576.0;
const OPEN: &str = "Connection::open";

#[test]
fn survivors_keep_in_memory_what_no_picture_of_blocks_can_show() {
    let run = ProfiledRun::exact("pin-pages", "leaky", CONNECTIONS);
    assert_eq!(run.under(OPEN, "inuse_space"), SURVIVORS * CONNECTION_BYTES);
    assert_eq!(run.under(OPEN, "alloc_space"), 64 * SURVIVORS * CONNECTION_BYTES);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &["exchange_malloc", "Box"]);
    let held_mib = run.total("inuse_space") as f64 / 1048576.0;
    assert!(held_mib * 32.0 < ALL_MIB, "{held_mib}");
    assert!(run.mib("free in glibc") > ALL_MIB * 0.95, "{}", run.text);
    assert!(run.mib("of the heap in memory") > ALL_MIB * 0.95, "{}", run.text);
}

#[test]
fn the_formula_of_fragmentation_gives_its_figure_and_says_nothing_of_what_can_go_back() {
    for variant in ["leaky", "fixed"] {
        let run = ProfiledRun::exact_unnamed("pin-pages", variant, CONNECTIONS);
        let (_, formula) = run.text.split_once("all that is free = 1 - ").unwrap();
        let (hole, rest) = formula.split_once(" / ").unwrap();
        let (free, figure) = rest.split_once(" = ").unwrap();
        let percent: f64 = figure.split_once(" %").unwrap().0.parse().unwrap();
        let expected = 100.0 * (1.0 - printed_bytes(hole) / printed_bytes(free));
        assert!((percent - expected).abs() < 0.01, "{variant}: {expected}: {}", run.text);
        assert!(percent > 99.0, "{variant}: {}", run.text);
    }
}

#[test]
fn releasing_brings_back_the_pages_without_a_survivor() {
    let run = ProfiledRun::exact_unnamed("pin-pages", "fixed", CONNECTIONS);
    // One survivor in 17 KiB keeps one or two pages of about four.
    let left_mib = run.mib("of the heap in memory");
    assert!((ALL_MIB * 0.1..ALL_MIB * 0.6).contains(&left_mib), "{}", run.text);
    assert!(run.mib("not in memory") > ALL_MIB * 0.4, "{}", run.text);
}

#[test]
fn keeping_the_long_lived_apart_lets_whole_pages_die() {
    let run = ProfiledRun::exact("pin-pages", "apart", CONNECTIONS);
    assert_eq!(run.under(OPEN, "inuse_space"), 0);
    assert!(run.mib("of the heap in memory") < ALL_MIB * 0.2, "{}", run.text);
    let beside = run.total("inuse_space") - SURVIVORS * CONNECTION_BYTES;
    assert!((0..64 << 10).contains(&beside), "{beside}");
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("1k", "pin-pages", "leaky", CONNECTIONS);
    let held = SURVIVORS * CONNECTION_BYTES;
    // One survivor in 4.5 is sampled: of 2,500 the estimate's standard error is 4 %.
    run.assert_estimates(OPEN, held, 25);
}
