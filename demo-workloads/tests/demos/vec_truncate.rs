//! `vec-truncate`: a vector emptied in any of four ways holds its whole buffer, every fix releases it, the table
//! says so of each, and alloc_space remembers each doubling.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;

const MIB: u64 = 8;
const BUFFER_BYTES: i64 = (MIB << 20) as i64;
const PUSH: &str = "EventBatch::push";
const GROWTH: [&str; 2] = ["RawVec", "reserve"];

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("vec-truncate", "leaky", MIB));

#[test]
fn an_emptied_vector_holds_the_buffer_of_its_largest_batch() {
    assert_eq!(LEAKY.under(PUSH, "inuse_space"), BUFFER_BYTES);
    assert_eq!(LEAKY.under(PUSH, "inuse_objects"), 1);
    LEAKY.heaviest("inuse_space").assert_dominates(LEAKY.total("inuse_space"), PUSH, &GROWTH);
    assert!(LEAKY.text.ends_with("after truncate(0): 0 events, still 8.0 MiB\n"), "{}", LEAKY.text);
}

#[test]
fn clear_drain_and_pop_hold_as_much() {
    for (leak, code) in [("clear", "clear()"), ("drain", "drain(..)"), ("pop", "pop() until None")] {
        let run = ProfiledRun::exact_unnamed("vec-truncate", leak, MIB);
        assert_eq!(run.total("inuse_space"), LEAKY.total("inuse_space"), "{leak}");
        assert!(run.text.ends_with(&format!("after {code}: 0 events, still 8.0 MiB\n")), "{}", run.text);
    }
}

#[test]
fn alloc_space_counts_every_doubling_whether_fixed_or_not() {
    let fixed = ProfiledRun::exact("vec-truncate", "fixed", MIB);
    for run in [&LEAKY, &fixed] {
        // A vector of elements of 64 B starts with room for four and doubles: 256 B + 512 B + ... + the
        // last buffer, which is a geometric sum.
        assert_eq!(run.under(PUSH, "alloc_space"), 2 * BUFFER_BYTES - 4 * 64);
        // The table's batches, one a row, are in this picture alone.
        assert_eq!(run.under("small_batch", "alloc_space"), 7 * BUFFER_BYTES / 64);
        assert_eq!(run.under("small_batch", "inuse_space"), 0);
    }
    assert_eq!(fixed.under(PUSH, "inuse_space"), 0);
}

#[test]
fn a_size_between_two_powers_of_two_holds_the_larger_one() {
    let run = ProfiledRun::exact_unnamed("vec-truncate", "leaky", 5);
    assert_eq!(run.total("inuse_space"), LEAKY.total("inuse_space"));
}

#[test]
fn every_fix_gives_the_buffer_back() {
    for fix in ["fixed", "shrink", "take", "new"] {
        let run = ProfiledRun::exact_unnamed("vec-truncate", fix, MIB);
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
        assert!(run.total("alloc_space") > 2 * BUFFER_BYTES, "{fix}");
        assert!(run.text.ends_with(": 0 events, 0 B\n"), "{fix}: {}", run.text);
    }
}

#[test]
fn the_ways_of_resetting_stand_side_by_side_with_what_each_holds() {
    let row = |code: &str| LEAKY.text.lines().find(|line| line.starts_with(code)).unwrap();
    for keeps in ["truncate(0)  ", "clear()", "drain(..)", "pop() until None"] {
        assert!(row(keeps).ends_with(" 0     2,048 128.0 KiB"), "{}", LEAKY.text);
    }
    for releases in ["truncate(0) and shrink_to_fit()", "mem::take(&mut events)", "events = Vec::new()"] {
        assert!(row(releases).ends_with(" 0         0       0 B"), "{}", LEAKY.text);
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("64k", "vec-truncate", "leaky", MIB);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), PUSH, &GROWTH);
    // The block is 128 times as large as the interval: as good as certain to be sampled, and its
    // weight is then its size.
    run.assert_estimates(PUSH, BUFFER_BYTES, 1);
}
