//! `conversions`: the table has the cost of each conversion; a name that took its read buffer over holds all of it, a
//! copy holds the name.

use crate::profiled_run::{ProfiledRun, demo_workloads};

const CLIENTS: u64 = 128;
const COUNT: i64 = CLIENTS as i64;
const READ_BYTES: i64 = 16 << 10;
const NAME_BYTES: i64 = 24;
const READ: &str = "read_hello";
const GREET: &str = "ClientTable::greet";

#[test]
fn names_that_were_not_copied_hold_their_read_buffers() {
    // `Bytes` with room to spare has a count, a pointer and the capacity in a block of its own.
    // Source: bytes, `src/bytes.rs`, `Shared`.
    for (leak, besides) in [("leaky", 0), ("bytes", 3 * size_of::<usize>() as i64)] {
        let run = ProfiledRun::exact("conversions", leak, CLIENTS);
        assert_eq!(run.under(READ, "inuse_space"), COUNT * READ_BYTES, "{leak}");
        assert_eq!(run.under(GREET, "inuse_space"), COUNT * besides, "{leak}");
        run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), READ, &["with_capacity"]);
        assert_eq!(run.under("print_table", "inuse_space"), 0, "{leak}");
        let towers = run.under(READ, "alloc_space") + run.under("print_table", "alloc_space");
        assert!(run.total("alloc_space") - towers < 64 << 10, "{leak}");
    }
}

#[test]
fn every_fix_leaves_the_names_alone_and_costs_as_much() {
    for fix in ["fixed", "boxed", "shrink", "lossy"] {
        let run = ProfiledRun::exact("conversions", fix, CLIENTS);
        let names = COUNT * NAME_BYTES;
        // Shrinking may move the name to a block of its own size, which then is `greet`'s.
        assert_eq!(run.under(READ, "inuse_space"), 0, "{fix}");
        assert_eq!(run.under(GREET, "inuse_space"), names, "{fix}");
        assert_eq!(run.under(GREET, "alloc_space"), names, "{fix}");
        assert_eq!(run.under(READ, "alloc_space"), COUNT * READ_BYTES, "{fix}");
    }
}

#[test]
fn the_table_says_what_each_conversion_allocates_and_what_it_keeps() {
    let output = demo_workloads().args(["conversions", "--size", "1"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |conversion: &str| -> Vec<String> {
        let row = text.lines().find(|line| line.starts_with(conversion)).unwrap();
        row[36..].split("  ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
    };
    let takes_or_lends = ["0", "0 B", "16.0 KiB"];
    for conversion in [
        "String::from_utf8(buffer)",
        "str::from_utf8(&buffer)",
        "from_utf8_lossy(&buffer)",
        "text.into_bytes()",
        "Cow::Owned(text).into_owned()",
        "text.make_ascii_lowercase()",
        "escape(&text), nothing to escape",
    ] {
        assert_eq!(row(conversion), takes_or_lends, "{conversion}");
    }
    let copies = ["1", "1000 B", "1000 B"];
    for conversion in [
        "text.to_string(), text.to_owned()",
        "text.replace",
        "text.to_lowercase()",
        "from_utf8_lossy(..).into_owned()",
        "text.into_boxed_str()",
    ] {
        assert_eq!(row(conversion), copies, "{conversion}");
    }
    assert_eq!(row("Bytes::from(buffer)"), ["1", "24 B", "16.0 KiB"]);
    assert_eq!(row("Arc::<str>::from(text)"), ["1", "1016 B", "1016 B"]);
    // A string that is formatted grows as it is written: first twice the prefix, then the text.
    assert_eq!(row("format!"), ["2", "1015 B", "1005 B"]);
    // The replacement takes three bytes, so the copy outgrows its 1,000 and doubles.
    assert_eq!(row("from_utf8_lossy, one byte is wrong"), ["2", "2.9 KiB", "2.0 KiB"]);
    assert_eq!(row("text.chars()")[2], "3.9 KiB");
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("1k", "conversions", "leaky", CLIENTS);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), READ, &["with_capacity"]);
    // A block 16 times as large as the interval is missed with a probability of e^-16, and its
    // weight is its size over the probability of a sample.
    let held = COUNT * READ_BYTES;
    run.assert_estimates(READ, held, 1);
}
