//! `leaked-on-purpose`: what is leaked once stays as large as it is, what is lost grows with the work.

use crate::profiled_run::ProfiledRun;

const REQUESTS: u64 = 500;
const BUFFER_BYTES: i64 = 4 << 10;
const CONFIGURATION_BYTES: i64 = 1 << 20;
const LOAD: &str = "load_configuration";
const ACCEPT: &str = "Connection::accept";

#[test]
fn what_is_lost_grows_with_the_requests_and_what_is_leaked_on_purpose_does_not() {
    for requests in [REQUESTS, 3 * REQUESTS] {
        let run = ProfiledRun::exact("leaked-on-purpose", "leaky", requests);
        // The demo serves as many again, to compare.
        assert_eq!(run.under(ACCEPT, "inuse_space"), 2 * requests as i64 * BUFFER_BYTES);
        assert_eq!(run.under(ACCEPT, "alloc_space"), 2 * requests as i64 * BUFFER_BYTES);
        let on_purpose = run.under(LOAD, "inuse_space");
        assert!((0..100).contains(&(on_purpose - CONFIGURATION_BYTES)), "{on_purpose}");
        assert!(run.text.contains("lost: 4.0 KiB with every request"), "{}", run.text);
    }
}

#[test]
fn the_fixes_lose_nothing_and_keep_the_configuration() {
    for fix in ["disarm", "free-first"] {
        let run = ProfiledRun::exact("leaked-on-purpose", fix, REQUESTS);
        assert_eq!(run.under(ACCEPT, "inuse_space"), 0, "{fix}");
        assert_eq!(run.under(ACCEPT, "alloc_space"), 2 * REQUESTS as i64 * BUFFER_BYTES, "{fix}");
        assert!(run.under(LOAD, "inuse_space") >= CONFIGURATION_BYTES, "{fix}");
        assert!(run.text.contains("lost: 0 B with every request"), "{fix}: {}", run.text);
    }
}
