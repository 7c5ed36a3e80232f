//! `two-pictures`: who allocates most is not who holds most.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;

const REQUESTS: u64 = 2_000;
const LINE_BYTES: i64 = 256;
const APPEND: &str = "AuditLog::append";
const PARSE: &str = "parse_request";

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("two-pictures", "leaky", REQUESTS));

#[test]
fn the_leak_fills_one_picture_and_the_traffic_the_other() {
    let run = &*LEAKY;
    let share = |function, column| run.under(function, column) as f64 / run.total(column) as f64;
    // The lines, and a queue of pointers and lengths that doubled from four.
    let queue = REQUESTS.next_power_of_two() as i64 * size_of::<Box<[u8]>>() as i64;
    assert_eq!(run.under(APPEND, "inuse_space"), REQUESTS as i64 * LINE_BYTES + queue);
    assert_eq!(run.under(PARSE, "alloc_space"), REQUESTS as i64 * 256 * LINE_BYTES);
    assert!(share(APPEND, "inuse_space") > 0.95, "{}", share(APPEND, "inuse_space"));
    assert_eq!(run.under(PARSE, "inuse_space"), 0);
    assert!(share(PARSE, "alloc_space") > 0.98, "{}", share(PARSE, "alloc_space"));
    assert!(share(APPEND, "alloc_space") < 0.02, "{}", share(APPEND, "alloc_space"));
}

#[test]
fn a_bounded_log_holds_its_bound_and_the_traffic_stays() {
    for fix in ["fixed", "flushed"] {
        let run = ProfiledRun::exact("two-pictures", fix, REQUESTS);
        // At most 101 lines and the queue around them.
        assert!(run.under(APPEND, "inuse_space") <= 101 * LINE_BYTES + 128 * 16, "{fix}");
        assert!(run.total("inuse_space") < 128 << 10, "{fix} leaves {}", run.total("inuse_space"));
        assert_eq!(run.under(PARSE, "alloc_space"), LEAKY.under(PARSE, "alloc_space"), "{fix}");
    }
}

#[test]
fn sampling_tells_traffic_from_the_leak() {
    let run = ProfiledRun::sampled("4k", "two-pictures", "leaky", REQUESTS);
    assert!(run.under(APPEND, "inuse_space") * 100 > run.total("inuse_space") * 95);
    assert_eq!(run.under(PARSE, "inuse_space"), 0);
    run.heaviest("alloc_space").assert_dominates(run.total("alloc_space"), PARSE, &["to_vec"]);
}
