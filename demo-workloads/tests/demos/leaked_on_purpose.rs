//! `leaked-on-purpose`: what is leaked once stays as large as it is, what is lost grows with the work.

use crate::profiled_run::ProfiledRun;

const REQUESTS: u64 = 500;
const BUFFER_BYTES: i64 = 4 << 10;
/// Routes of a path and a number.
const CONFIGURATION_BYTES: i64 = (1 << 15) * 64;
/// What the process has beside the demo: its command line, the buffer of its output.
const BESIDE_BYTES: i64 = 64 << 10;
const LOAD: &str = "load_configuration";
const ACCEPT: &str = "Connection::accept";

#[test]
fn what_is_lost_grows_with_the_requests_and_what_is_leaked_on_purpose_does_not() {
    for requests in [REQUESTS, 3 * REQUESTS] {
        let run = ProfiledRun::exact("leaked-on-purpose", "leaky", requests);
        // The demo serves as many again, to compare.
        assert_eq!(run.under(ACCEPT, "inuse_space"), 2 * requests as i64 * BUFFER_BYTES);
        assert_eq!(run.under(ACCEPT, "alloc_space"), 2 * requests as i64 * BUFFER_BYTES);
        // The routes and the vector that leads to them, which is leaked as well.
        let on_purpose = CONFIGURATION_BYTES + size_of::<Vec<u8>>() as i64;
        let towers = on_purpose + 2 * requests as i64 * BUFFER_BYTES;
        for column in ["inuse_space", "alloc_space"] {
            assert_eq!(run.under(LOAD, column), on_purpose, "{column}");
            let beside = run.total(column) - towers;
            assert!((0..BESIDE_BYTES).contains(&beside), "{column}: {beside}");
        }
        assert!(
            run.text.contains("on purpose: 2.0 MiB, and it stays so; lost: 4.0 KiB with"),
            "{}",
            run.text
        );
    }
}

#[test]
fn the_fixes_lose_nothing_and_keep_the_configuration() {
    for fix in ["fixed", "free-first"] {
        let run = ProfiledRun::exact("leaked-on-purpose", fix, REQUESTS);
        assert_eq!(run.under(ACCEPT, "inuse_space"), 0, "{fix}");
        assert_eq!(run.under(ACCEPT, "alloc_space"), 2 * REQUESTS as i64 * BUFFER_BYTES, "{fix}");
        let beside = run.total("inuse_space") - CONFIGURATION_BYTES;
        assert!((0..BESIDE_BYTES).contains(&beside), "{fix}: {beside}");
        assert!(run.text.contains("lost: 0 B with every request"), "{fix}: {}", run.text);
    }
}

#[test]
fn sampling_finds_both_stacks() {
    let run = ProfiledRun::sampled("1k", "leaked-on-purpose", "leaky", REQUESTS);
    // The routes are one block, 2,048 times as large as the interval. A buffer is sampled with a probability of 98 %; of
    // a thousand the estimate's standard error is below 0.5 %.
    for (function, held) in [(LOAD, CONFIGURATION_BYTES), (ACCEPT, 2 * REQUESTS as i64 * BUFFER_BYTES)] {
        run.assert_estimates(function, held, 5);
    }
}
