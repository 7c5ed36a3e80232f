//! `two-pictures`: who allocates most is not who holds most.

use crate::profiled_run::ProfiledRun;

const REQUESTS: u64 = 2_000;
const LINE_BYTES: i64 = 256;
const APPEND: &str = "AuditLog::append";
const PARSE: &str = "parse_request";

#[test]
fn the_leak_fills_one_picture_and_the_traffic_the_other() {
    let run = ProfiledRun::exact("two-pictures", "leaky", REQUESTS);
    let share = |function, column| run.under(function, column) as f64 / run.total(column) as f64;
    assert!(run.under(APPEND, "inuse_space") >= REQUESTS as i64 * LINE_BYTES);
    assert!(share(APPEND, "inuse_space") > 0.95, "{}", share(APPEND, "inuse_space"));
    assert_eq!(run.under(PARSE, "inuse_space"), 0);
    assert!(share(PARSE, "alloc_space") > 0.98, "{}", share(PARSE, "alloc_space"));
    assert!(share(APPEND, "alloc_space") < 0.02, "{}", share(APPEND, "alloc_space"));
}

#[test]
fn a_bounded_log_holds_its_bound_and_the_traffic_stays() {
    let leaky = ProfiledRun::exact("two-pictures", "leaky", REQUESTS);
    for fix in ["bounded", "flushed"] {
        let run = ProfiledRun::exact("two-pictures", fix, REQUESTS);
        // At most 101 lines and the queue around them.
        assert!(run.under(APPEND, "inuse_space") <= 101 * LINE_BYTES + 128 * 16, "{fix}");
        assert_eq!(run.under(PARSE, "alloc_space"), leaky.under(PARSE, "alloc_space"), "{fix}");
    }
}
