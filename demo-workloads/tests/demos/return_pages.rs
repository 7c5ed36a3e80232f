//! `return-pages`: a burst that is over stays in memory, and is in no block.

use crate::profiled_run::ProfiledRun;

const MIB: u64 = 16;
const RECEIVE: &str = "Burst::receive";
const RECORD: &str = "Metrics::record";

#[test]
fn one_block_at_the_end_of_the_heap_keeps_a_whole_burst_in_memory() {
    let run = ProfiledRun::exact("return-pages", "leaky", MIB);
    assert_eq!((run.under(RECEIVE, "inuse_space"), run.under(RECORD, "inuse_objects")), (0, 1));
    assert!(run.total("inuse_space") < 8 << 10, "{}", run.total("inuse_space"));
    let share = run.under(RECEIVE, "alloc_space") as f64 / run.total("alloc_space") as f64;
    assert!(share > 0.95, "{share}");
    for when in ["before the burst", "in the burst", "after the burst"] {
        let in_memory = run.mib_after(&format!("this run: {when}:"));
        assert_eq!(in_memory > MIB as f64, when != "before the burst", "{when}: {}", run.text);
    }
    assert!(run.mib("free in glibc") > MIB as f64, "{}", run.text);
}

#[test]
fn releasing_or_asking_for_one_block_gives_the_burst_back() {
    for fix in ["fixed", "one-block"] {
        let run = ProfiledRun::exact("return-pages", fix, MIB);
        assert!(run.mib("in memory,") < MIB as f64 * 0.75, "{fix}: {}", run.text);
        assert!(run.under(RECEIVE, "alloc_space") >= (MIB as i64) << 20, "{fix}");
    }
}

#[test]
fn sampling_finds_the_burst_in_alloc_space_alone() {
    let run = ProfiledRun::sampled("4k", "return-pages", "leaky", MIB);
    // One message in 4.5 is sampled: of 16,384 the estimate's standard error is 2 %.
    let (found, asked) = (run.under(RECEIVE, "alloc_space"), (MIB as i64) << 20);
    assert!((found - asked).abs() * 8 < asked, "{found} for {asked}");
    assert_eq!(run.under(RECEIVE, "inuse_space"), 0);
}
