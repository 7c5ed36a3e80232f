//! `weak-block`: weak references hold the blocks of dead values at the stack that made them; a sweep leaves the
//! map's table, a box leaves 32 bytes of each.

use crate::profiled_run::ProfiledRun;

const THUMBNAILS: u64 = 64;
const COUNT: i64 = THUMBNAILS as i64;
const THUMBNAIL_BYTES: i64 = 64 << 10;
/// Two counts stand in front of the value. Source: the standard library, `alloc/src/sync.rs`, `ArcInner`.
const COUNTS_BYTES: i64 = 2 * size_of::<usize>() as i64;
const LOAD: &str = "load_thumbnail";
const LOAD_BOXED: &str = "load_boxed_thumbnail";

#[test]
fn dead_thumbnails_hold_their_blocks_at_the_stack_that_loaded_them() {
    let run = ProfiledRun::exact("weak-block", "leaky", THUMBNAILS);
    assert_eq!(run.under(LOAD, "inuse_space"), COUNT * (COUNTS_BYTES + THUMBNAIL_BYTES));
    assert_eq!(run.under(LOAD, "inuse_objects"), COUNT);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), LOAD, &["Arc"]);
    assert!(run.text.contains("0 thumbnails alive: 4.0 MiB held by the program\n"), "{}", run.text);
    // The vector is copied into the block.
    let (copied, block) = (COUNT * THUMBNAIL_BYTES, run.under(LOAD, "inuse_space"));
    assert_eq!(run.under(LOAD, "alloc_space"), copied + block);
}

#[test]
fn a_sweep_of_dead_entries_frees_every_block() {
    let run = ProfiledRun::exact("weak-block", "fixed", THUMBNAILS);
    assert_eq!(run.under(LOAD, "inuse_space"), 0);
    assert!(run.total("inuse_space") < 64 << 10, "leaves {}", run.total("inuse_space"));
    assert!(run.under(LOAD, "alloc_space") > COUNT * THUMBNAIL_BYTES);
    assert!(run.text.contains("dead entries swept, 0 left:"), "{}", run.text);
}

#[test]
fn a_boxed_value_leaves_the_counts_and_a_pointer_of_each_dead_entry() {
    let run = ProfiledRun::exact("weak-block", "boxed", THUMBNAILS);
    let left = COUNTS_BYTES + size_of::<Box<[u8]>>() as i64;
    assert_eq!(left, 32);
    assert_eq!(run.under(LOAD_BOXED, "inuse_space"), COUNT * left);
    assert!(run.total("inuse_space") < 64 << 10, "leaves {}", run.total("inuse_space"));
    assert_eq!(run.under(LOAD_BOXED, "alloc_space"), COUNT * (left + THUMBNAIL_BYTES));
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("4k", "weak-block", "leaky", THUMBNAILS);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), LOAD, &["Arc"]);
    // A block 16 times as large as the interval is missed with a probability of e^-16, and its
    // weight is its size over the probability of a sample.
    let held = COUNT * (COUNTS_BYTES + THUMBNAIL_BYTES);
    run.assert_estimates(LOAD, held, 1);
}
