//! `slow-consumer`: what arrives faster than it is written stays, at the difference of the rates; a queue with a bound
//! holds its bound, whatever it does with the rest.

use crate::profiled_run::{ProfiledRun, printed_bytes};

const SECONDS: u64 = 4;
const EVENT_BYTES: i64 = 1024;
const READ_A_SECOND: i64 = 1000;
const WRITTEN_A_SECOND: i64 = 250;
const QUEUED: i64 = 256;
const READ: &str = "read_event";

/// The columns of the last second: read, dropped, written, not yet written.
fn last_second(run: &ProfiledRun) -> [i64; 4] {
    let line = run.text.lines().rev().nth(1).unwrap();
    let mut columns = line.split_whitespace().skip(1).map(|column| column.replace(',', "").parse().unwrap());
    std::array::from_fn(|_| columns.next().unwrap())
}

#[test]
fn an_unbounded_queue_holds_all_that_is_not_written_yet() {
    let run = ProfiledRun::exact("slow-consumer", "leaky", SECONDS);
    let [read, dropped, written, waiting] = last_second(&run);
    // The first write begins with the first event, and a write that ends with the second counts in the next.
    assert_eq!((read, dropped), (SECONDS as i64 * READ_A_SECOND, 0));
    assert_eq!(written, SECONDS as i64 * WRITTEN_A_SECOND - 1);
    assert_eq!(waiting, read - written);
    assert_eq!(run.under(READ, "inuse_space"), waiting * EVENT_BYTES);
    assert_eq!(run.under(READ, "alloc_space"), read * EVENT_BYTES);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), READ, &["from_elem"]);
    // The sliver beside the events: the queue's blocks.
    assert!(run.under_any("tokio::sync::mpsc", "inuse_space") > waiting * size_of::<bytes::Bytes>() as i64);
}

#[test]
fn the_slope_is_the_difference_of_the_rates() {
    let text = ProfiledRun::exact_unnamed("slow-consumer", "leaky", SECONDS).text;
    let slope = text.trim_end().rsplit_once(": ").unwrap().1.strip_suffix(" a second").unwrap();
    let slope_bytes = printed_bytes(slope);
    let a_second = (READ_A_SECOND - WRITTEN_A_SECOND) as f64;
    // Besides the event each takes a slot of a block of 32, which has four words of its own.
    // Source: tokio, `sync/mpsc/mod.rs`, "Allocation behavior".
    let slot = (size_of::<bytes::Bytes>() + 4 * size_of::<usize>() / 32) as f64;
    let expected = a_second * (EVENT_BYTES as f64 + slot);
    // A block is there or is not.
    assert!((slope_bytes - expected).abs() < 32.0 * slot, "{slope_bytes} for {expected}");
}

#[test]
fn a_queue_with_a_bound_holds_its_bound() {
    // What waits in the queue, and the event that is being written; the reader that waits has one more.
    for (fix, held, drops) in [("fixed", 2, false), ("shed", 1, true), ("drop-oldest", 1, true)] {
        let run = ProfiledRun::exact("slow-consumer", fix, SECONDS);
        assert_eq!(run.under(READ, "inuse_space"), (QUEUED + held) * EVENT_BYTES, "{fix}");
        assert!(run.total("inuse_space") < (QUEUED + held) * EVENT_BYTES + (32 << 10), "{fix}");
        assert!(run.text.ends_with("slope over the second half: 0 B a second\n"), "{fix}: {}", run.text);
        let [read, dropped, written, _] = last_second(&run);
        assert_eq!(written, SECONDS as i64 * WRITTEN_A_SECOND - 1, "{fix}");
        assert_eq!(dropped > 0, drops, "{fix}");
        // The bound reaches the reader, or what does not fit goes.
        assert_eq!(read < SECONDS as i64 * READ_A_SECOND, !drops, "{fix}");
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("512", "slow-consumer", "leaky", SECONDS);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), READ, &["from_elem"]);
    let held = last_second(&run)[3] * EVENT_BYTES;
    // Of 3,000 blocks 1 - e^-2 are sampled: four standard errors are three percent.
    run.assert_estimates(READ, held, 4);
}
