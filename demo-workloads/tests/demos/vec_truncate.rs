//! `vec-truncate`: an emptied vector holds its whole buffer, every fix releases it, and alloc_space
//! remembers each doubling.

use crate::profiled_run::ProfiledRun;

const MIB: u64 = 8;
const BUFFER_BYTES: i64 = (MIB << 20) as i64;
const PUSH: &str = "EventBatch::push";
const GROWTH: [&str; 2] = ["RawVec", "reserve"];

#[test]
fn an_emptied_vector_holds_the_buffer_of_its_largest_batch() {
    for leak in ["leaky", "clear"] {
        let run = ProfiledRun::exact("vec-truncate", leak, MIB);
        assert_eq!(run.under(PUSH, "inuse_space"), BUFFER_BYTES, "{leak}");
        assert_eq!(run.under(PUSH, "inuse_objects"), 1, "{leak}");
        run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), PUSH, &GROWTH);
        assert!(run.text.ends_with("0 events, still 8.0 MiB\n"), "{}", run.text);
    }
}

#[test]
fn alloc_space_counts_every_doubling() {
    let run = ProfiledRun::exact("vec-truncate", "leaky", MIB);
    // A vector of elements of 64 B starts with room for four and doubles: 256 B + 512 B + ... + the
    // last buffer, which is a geometric sum.
    assert_eq!(run.under(PUSH, "alloc_space"), 2 * BUFFER_BYTES - 4 * 64);
}

#[test]
fn a_size_between_two_powers_of_two_holds_the_larger_one() {
    let run = ProfiledRun::exact("vec-truncate", "leaky", 5);
    assert_eq!(run.under(PUSH, "inuse_space"), 8 << 20);
}

#[test]
fn every_fix_gives_the_buffer_back() {
    for fix in ["fixed", "shrink", "take", "new"] {
        let run = ProfiledRun::exact("vec-truncate", fix, MIB);
        assert_eq!(run.under(PUSH, "inuse_space"), 0, "{fix}");
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
        assert!(run.under(PUSH, "alloc_space") > BUFFER_BYTES, "{fix}");
        assert!(run.text.ends_with("0 events, 0 B\n"), "{fix}: {}", run.text);
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("64k", "vec-truncate", "leaky", MIB);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), PUSH, &GROWTH);
    // The block is 128 times as large as the interval: as good as certain to be sampled, and its
    // weight is then its size.
    assert!((run.under(PUSH, "inuse_space") - BUFFER_BYTES).abs() * 100 < BUFFER_BYTES);
}
