//! `pin-pages`: a heap that is nearly empty and still in memory, and what brings it back.

use crate::profiled_run::ProfiledRun;

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
    assert!(run.text.contains("fragmentation = 1 - largest hole / all that is free = 1 - "), "{}", run.text);
}

#[test]
fn releasing_brings_back_the_pages_without_a_survivor() {
    let run = ProfiledRun::exact("pin-pages", "release", CONNECTIONS);
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
}
