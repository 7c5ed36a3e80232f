//! `other-buffers`: a cleared `String`, `VecDeque`, `BinaryHeap` and `HashSet` hold what they held when they were
//! full, each at the stack that filled it; both fixes release all four.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::{bytes_of_growth, table_bytes};

const MIB: u64 = 1;
const CONTENT_BYTES: i64 = (MIB << 20) as i64;
const ENTRY_BYTES: i64 = 8;
const LINE_BYTES: i64 = 64;
const WRITE_LINE: &str = "Worker::write_line";
const QUEUE_JOB: &str = "Worker::queue_job";
const SET_DEADLINE: &str = "Worker::set_deadline";
const NOTE_SEEN: &str = "Worker::note_seen";
const ALL: [&str; 4] = [WRITE_LINE, QUEUE_JOB, SET_DEADLINE, NOTE_SEEN];

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("other-buffers", "leaky", MIB));

#[test]
fn each_cleared_buffer_is_as_large_as_when_it_was_full() {
    for vector in [WRITE_LINE, QUEUE_JOB, SET_DEADLINE] {
        assert_eq!(LEAKY.under(vector, "inuse_space"), CONTENT_BYTES, "{vector}");
        assert_eq!(LEAKY.under(vector, "inuse_objects"), 1, "{vector}");
    }
    assert_eq!(
        LEAKY.under(NOTE_SEEN, "inuse_space"),
        table_bytes::<u64>((CONTENT_BYTES / ENTRY_BYTES) as u64)
    );
    assert_eq!(LEAKY.under(NOTE_SEEN, "inuse_objects"), 1);
    let of_the_worker: i64 = ALL.iter().map(|function| LEAKY.under(function, "inuse_space")).sum();
    assert!(LEAKY.total("inuse_space") - of_the_worker < 64 << 10);
    // The table takes 43 % of the width; no other single stack is as wide.
    LEAKY.heaviest("inuse_space").assert_leads(NOTE_SEEN, &["reserve_rehash"]);
}

#[test]
fn every_buffer_has_a_row_of_its_own_before_and_after() {
    let row = |run: &ProfiledRun, name: &str| -> Vec<String> {
        let line = run.text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        line.split("  ").filter(|cell| !cell.is_empty()).map(|cell| cell.trim().to_owned()).collect()
    };
    let shrunk = ProfiledRun::exact_unnamed("other-buffers", "fixed", MIB);
    for name in ["VecDeque", "BinaryHeap"] {
        assert_eq!(row(&LEAKY, name), [name, "131,072", "1.0 MiB", "1.0 MiB", "1.0 MiB"]);
        assert_eq!(row(&shrunk, name), [name, "131,072", "1.0 MiB", "1.0 MiB", "0 B"]);
    }
    assert_eq!(row(&LEAKY, "String"), ["String", "16,384", "1.0 MiB", "1.0 MiB", "1.0 MiB"]);
    assert_eq!(row(&shrunk, "String"), ["String", "16,384", "1.0 MiB", "1.0 MiB", "0 B"]);
    assert_eq!(row(&LEAKY, "HashSet"), ["HashSet", "131,072", "2.3 MiB", "2.3 MiB", "2.3 MiB"]);
    assert_eq!(row(&shrunk, "HashSet"), ["HashSet", "131,072", "2.3 MiB", "2.3 MiB", "0 B"]);
}

#[test]
fn alloc_space_counts_every_smaller_buffer_whether_fixed_or_not() {
    let fixed = ProfiledRun::exact("other-buffers", "fixed", MIB);
    for run in [&LEAKY, &fixed] {
        // A vector of small elements starts with room for four, or for what is asked for; all double.
        assert_eq!(run.under(WRITE_LINE, "alloc_space"), 2 * CONTENT_BYTES - LINE_BYTES);
        assert_eq!(run.under(QUEUE_JOB, "alloc_space"), 2 * CONTENT_BYTES - 4 * ENTRY_BYTES);
        assert_eq!(run.under(SET_DEADLINE, "alloc_space"), 2 * CONTENT_BYTES - 4 * ENTRY_BYTES);
        assert_eq!(run.under(NOTE_SEEN, "alloc_space"), bytes_of_growth::<u64>(1 << 18));
    }
    for function in ALL {
        assert_eq!(fixed.under(function, "inuse_space"), 0, "{function}");
    }
}

#[test]
fn every_fix_gives_all_four_buffers_back() {
    for fix in ["fixed", "shrink", "take"] {
        let run = ProfiledRun::exact_unnamed("other-buffers", fix, MIB);
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
        assert!(run.text.ends_with("rush hour: 0 B held by empty buffers\n"), "{fix}: {}", run.text);
    }
}

#[test]
fn sampling_finds_the_same_four_stacks() {
    let run = ProfiledRun::sampled("8k", "other-buffers", "leaky", MIB);
    for function in ALL {
        // Each block is 128 times as large as the interval or more: as good as certain to be sampled, and
        // its weight is then its size.
        let held = LEAKY.under(function, "inuse_space");
        run.assert_estimates(function, held, 1);
    }
}
