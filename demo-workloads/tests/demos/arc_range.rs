//! `arc-range`: lines of 100 bytes hold whole segments, at the stack that read them, one line as much as
//! three; copies hold the lines.

use crate::profiled_run::ProfiledRun;

const MIB_PER_SEGMENT: u64 = 1;
const SEGMENTS: i64 = 4;
const TEXT_BYTES: i64 = (MIB_PER_SEGMENT << 20) as i64;
/// Two counts stand in front of the bytes. Source: the standard library, `alloc/src/sync.rs`, `ArcInner`,
/// and `alloc/src/rc.rs`, `RcInner`.
const COUNTS_BYTES: i64 = 2 * size_of::<usize>() as i64;
const SEGMENT_BYTES: i64 = COUNTS_BYTES + TEXT_BYTES;
const READ: &str = "read_segment";
const REMEMBER: &str = "ErrorIndex::remember";

#[test]
fn one_view_of_each_segment_holds_all_of_it_at_the_stack_that_read_it() {
    for (leak, pointer) in [("leaky", "Arc"), ("arc-str", "Arc"), ("rc", "Rc")] {
        let run = ProfiledRun::exact("arc-range", leak, MIB_PER_SEGMENT);
        assert_eq!(run.under(READ, "inuse_space"), SEGMENTS * SEGMENT_BYTES, "{leak}");
        assert_eq!(run.under(READ, "inuse_objects"), SEGMENTS, "{leak}");
        run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), READ, &[pointer]);
        assert_eq!(run.under(READ, "alloc_space"), SEGMENTS * (TEXT_BYTES + SEGMENT_BYTES), "{leak}");
        // The vector of views, and nothing else.
        assert!(run.under(REMEMBER, "inuse_space") < 1024, "{leak}");
        assert!(run.text.contains("1,200 bytes of lines kept: still 4.0 MiB"), "{}", run.text);
        assert!(run.text.contains("12 lines in ErrorIndex::lines, 3 of them"), "{}", run.text);
        assert!(run.text.ends_with("forgotten: still 4.0 MiB held by the program\n"), "{}", run.text);
    }
}

#[test]
fn copied_lines_let_the_segments_go() {
    for fix in ["fixed", "boxed"] {
        let run = ProfiledRun::exact("arc-range", fix, MIB_PER_SEGMENT);
        assert_eq!(run.under(READ, "inuse_space"), 0, "{fix}");
        // Traffic is not the leak: it looks as before, text and copy.
        assert_eq!(run.under(READ, "alloc_space"), SEGMENTS * (TEXT_BYTES + SEGMENT_BYTES), "{fix}");
        // Four lines of 100 bytes, their counts, and the vector.
        assert!((400..2048).contains(&run.under(REMEMBER, "inuse_space")), "{fix}");
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("16k", "arc-range", "leaky", MIB_PER_SEGMENT);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), READ, &["Arc"]);
    // Each segment is 64 times as large as the interval: as good as certain to be sampled, and its
    // weight is then its size.
    let held = SEGMENTS * SEGMENT_BYTES;
    run.assert_estimates(READ, held, 1);
}
