//! `held-guard`: one guard holds every table that was replaced since; where guards are short, or references are
//! counted, the bytes stay as they are.

use crate::profiled_run::ProfiledRun;

const A_ROUND: u64 = 16;
const ROUNDS: i64 = 32;
const TABLES: i64 = ROUNDS * A_ROUND as i64;
const TABLE_BYTES: i64 = 16 << 10;
const BUILD: &str = "build_table";

/// What the line of this round says is held.
fn held_in_round(run: &ProfiledRun, round: i64) -> &str {
    let line = run.text.lines().find(|line| line.starts_with(&format!("round {round:>2},"))).unwrap();
    line.split_once("published: ").unwrap().1
}

#[test]
fn one_held_guard_keeps_every_table_since_and_more_each_round() {
    let run = ProfiledRun::exact("held-guard", "leaky", A_ROUND);
    // And the one that is current.
    assert_eq!(run.under(BUILD, "inuse_space"), (TABLES + 1) * TABLE_BYTES);
    assert_eq!(run.under(BUILD, "inuse_space"), run.under(BUILD, "alloc_space"));
    // The sliver beside the tables: the bags of what is retired.
    assert!(run.under_any("push_bag", "inuse_space") > 0);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), BUILD, &["from_elem"]);
    assert_eq!(
        [8, 16, 24].map(|round| held_in_round(&run, round)),
        ["2.0 MiB held by the program", "4.1 MiB held by the program", "6.1 MiB held by the program"]
    );
}

#[test]
fn a_reference_held_by_each_session_keeps_a_table_for_each() {
    let run = ProfiledRun::exact("held-guard", "sessions", A_ROUND);
    assert_eq!(run.under(BUILD, "inuse_space"), TABLES * TABLE_BYTES);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), BUILD, &["from_elem"]);
}

#[test]
fn guards_of_one_round_keep_the_tables_of_a_few() {
    for fix in ["fixed", "unpin"] {
        let run = ProfiledRun::exact("held-guard", fix, A_ROUND);
        // A bag is freed when the epoch has advanced twice since, which takes two rounds.
        let tables = run.under(BUILD, "inuse_space") / TABLE_BYTES;
        assert!((1..=3 * A_ROUND as i64 + 1).contains(&tables), "{fix}: {tables}");
        assert_eq!(held_in_round(&run, 16), held_in_round(&run, 32), "{fix}");
        assert_eq!(run.under(BUILD, "alloc_space"), (TABLES + 1) * TABLE_BYTES, "{fix}");
    }
}

#[test]
fn a_counted_reference_keeps_its_own_table_alone() {
    for (fix, tables) in [("arc-swap", 2), ("load", 1)] {
        let run = ProfiledRun::exact("held-guard", fix, A_ROUND);
        assert_eq!(run.under(BUILD, "inuse_space"), tables * TABLE_BYTES, "{fix}");
        assert_eq!(held_in_round(&run, 4), held_in_round(&run, 32), "{fix}");
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("1k", "held-guard", "leaky", A_ROUND);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), BUILD, &["from_elem"]);
    // A block 16 times as large as the interval is missed with a probability of e^-16, and its
    // weight is its size over the probability of a sample.
    let held = (TABLES + 1) * TABLE_BYTES;
    run.assert_estimates(BUILD, held, 1);
}
