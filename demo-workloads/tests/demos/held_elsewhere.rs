//! `held-elsewhere`: sessions that a log still holds outlive the map, at the stack that opened them and with no
//! frame of the map; a record that holds an id or a `Weak` lets them go.

use alloc_tracer::size::Bytes;

use crate::profiled_run::ProfiledRun;

const SESSIONS: i64 = 1_000;
const HISTORY_BYTES: i64 = 4 << 10;
/// Two counts, an id and a vector's three words.
const ARC_BYTES: i64 = (2 + 1 + 3) * size_of::<usize>() as i64;
/// A vector of records that doubled from four to the next power of two.
const RECORDS_BYTES: i64 = 1_024 * size_of::<(u64, u64)>() as i64;
const LOAD: &str = "load_history";
const OPEN: &str = "SessionStore::open";
const RECORD: &str = "AuditLog::record";

#[test]
fn a_log_that_clones_an_arc_holds_what_the_map_let_go() {
    let run = ProfiledRun::exact("held-elsewhere", "leaky", SESSIONS as u64);
    assert_eq!(run.under(LOAD, "inuse_space"), SESSIONS * HISTORY_BYTES);
    // The blocks of the `Arc`s and nothing else: the map's table, which `open` allocates too, is gone.
    assert_eq!(run.under(OPEN, "inuse_space"), SESSIONS * (HISTORY_BYTES + ARC_BYTES));
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &[LOAD]);
    // Who holds it all has nothing but its own vector in the picture.
    assert_eq!(run.under(RECORD, "inuse_space"), RECORDS_BYTES);

    let held = Bytes(SESSIONS * (HISTORY_BYTES + ARC_BYTES) + RECORDS_BYTES);
    let empty = format!("the map has 0 sessions and room for 0: {held} held by the program\n");
    assert!(run.text.contains(&empty), "{}", run.text);
    let holder = "1,000 sessions alive, with 1,000 references, 1,000 of them the log's\n";
    assert!(run.text.contains(holder), "{}", run.text);
    assert_the_map_grew(&run);
}

/// What was ever allocated is the same in every variant: the sessions, and tables that are gone.
fn assert_the_map_grew(run: &ProfiledRun) {
    assert_eq!(run.under(LOAD, "alloc_space"), SESSIONS * HISTORY_BYTES);
    assert!(run.under(OPEN, "alloc_space") > SESSIONS * (HISTORY_BYTES + ARC_BYTES));
}

#[test]
fn a_record_of_an_id_lets_the_whole_session_go() {
    let run = ProfiledRun::exact("held-elsewhere", "fixed", SESSIONS as u64);
    assert_eq!(run.under(OPEN, "inuse_space"), 0);
    assert_eq!(run.under(RECORD, "inuse_space"), RECORDS_BYTES);
    assert!(run.total("inuse_space") < 64 << 10, "leaves {}", run.total("inuse_space"));
    assert!(run.text.contains("0 sessions alive, with 0 references, 0 of them the log's\n"), "{}", run.text);
    assert!(run.text.ends_with("1,000 records of the log still say whose session it was\n"), "{}", run.text);
    assert_the_map_grew(&run);
}

#[test]
fn a_weak_record_lets_the_history_go_and_keeps_the_arcs_block() {
    let run = ProfiledRun::exact("held-elsewhere", "weak", SESSIONS as u64);
    assert_eq!(run.under(LOAD, "inuse_space"), 0);
    assert_eq!(run.under(OPEN, "inuse_space"), SESSIONS * ARC_BYTES);
    assert!(run.text.contains("0 sessions alive, with 0 references, 0 of them the log's\n"), "{}", run.text);
    assert!(run.text.ends_with("0 records of the log still say whose session it was\n"), "{}", run.text);
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("1k", "held-elsewhere", "leaky", SESSIONS as u64);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &[LOAD]);
    // A history is four times as large as the interval and sampled with a probability of 98 %; of a
    // thousand the estimate's standard error is below 0.5 %.
    let held = SESSIONS * HISTORY_BYTES;
    run.assert_estimates(LOAD, held, 5);
}
