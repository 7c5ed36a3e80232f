//! `map-shared`: a lock and shards keep the tables of removed sessions, `ArcSwap` one table for each old
//! generation that a connection holds; shrinking and loading anew release them.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use alloc_tracer::size::Bytes;

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::{bytes_of_growth, table_bytes};

const SESSIONS: u64 = 20_000;
const LOCKED: &str = "log_in_locked";
const SHARDED: &str = "log_in_sharded";
const PUBLISHED: &str = "publish_renewal";
const GROWTH: [&str; 2] = ["reserve_rehash", "resize"];
const COPY: [&str; 1] = ["clone"];
/// Id, token, time of expiry.
type Pair = (u64, [u8; 64], u64);

const SHARDS: usize = 16;
/// Every second of eight renewals is followed by a connection that holds what it finds.
const GENERATIONS_HELD: i64 = 4;
const RENEWALS: i64 = 8;

/// The shard is in the bits below the seven that hashbrown keeps for its tags.
/// Source: dashmap, `src/lib.rs`, `DashMap::determine_shard`.
fn sessions_by_shard() -> [u64; SHARDS] {
    let mut counts = [0; SHARDS];
    for id in 0..SESSIONS {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id) as usize;
        counts[(hash << 7) >> (usize::BITS - SHARDS.trailing_zeros())] += 1;
    }
    counts
}

#[test]
fn a_lock_does_not_make_remove_return_the_table() {
    let run = ProfiledRun::exact("map-shared", "leaky", SESSIONS);
    let table = table_bytes::<Pair>(SESSIONS);
    assert_eq!(run.under(LOCKED, "inuse_space"), table);
    assert_eq!(run.under(LOCKED, "inuse_objects"), 1);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), LOCKED, &GROWTH);
    let kept = format!("all removed: 0 sessions, still {} held by the program\n", Bytes(table));
    assert!(run.text.ends_with(&kept), "{}", run.text);
    assert_eq!(run.under(LOCKED, "alloc_space"), bytes_of_growth::<Pair>(1 << 15));
}

#[test]
fn every_shard_keeps_its_table() {
    let run = ProfiledRun::exact("map-shared", "dashmap", SESSIONS);
    let tables: i64 = sessions_by_shard().into_iter().map(table_bytes::<Pair>).sum();
    assert_eq!(run.under(SHARDED, "inuse_space"), tables);
    assert_eq!(run.under(SHARDED, "inuse_objects"), SHARDS as i64);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), SHARDED, &GROWTH);
    let ratio = run.under(SHARDED, "alloc_space") as f64 / tables as f64;
    assert!((1.95..2.01).contains(&ratio), "{ratio}");
}

#[test]
fn old_generations_live_as_long_as_a_connection_holds_them() {
    let run = ProfiledRun::exact("map-shared", "arc-swap", SESSIONS);
    // One block a table, and one a generation for the counts and the map's own words.
    let copies = GENERATIONS_HELD * table_bytes::<Pair>(SESSIONS);
    let under = run.under(PUBLISHED, "inuse_space");
    assert!((copies..copies + GENERATIONS_HELD * 128).contains(&under), "{under} for {copies}");
    assert_eq!(run.under(PUBLISHED, "inuse_objects"), 2 * GENERATIONS_HELD);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), PUBLISHED, &COPY);

    let alive = |line: &&str| line.contains("  connections: ") || line.contains("  the directory: ");
    let rows: Vec<Vec<&str>> =
        run.text.lines().filter(alive).map(|row| row.split_whitespace().collect()).collect();
    let ages: Vec<[&str; 3]> = rows.iter().map(|row| [row[0], row[1], row[2]]).collect();
    let held = [["3", "7", "20,000"], ["5", "5", "20,000"], ["7", "3", "20,000"], ["9", "1", "20,000"]];
    assert_eq!(ages[..4], held);
    assert_eq!(ages[4..], [["10", "0", "0"]]);
    assert!(run.text.contains("4 of 4 connections still find a session that is gone\n"), "{}", run.text);
    assert!(run.text.contains("5 of 10 generations alive\n"), "{}", run.text);
    assert_each_renewal_copied_the_table(&run);
}

fn assert_each_renewal_copied_the_table(run: &ProfiledRun) {
    let copies = RENEWALS * table_bytes::<Pair>(SESSIONS);
    let under = run.under(PUBLISHED, "alloc_space");
    assert!((copies..copies + RENEWALS * 128).contains(&under), "{under} for {copies}");
}

#[test]
fn each_kind_of_map_has_a_fix_that_gives_the_tables_back() {
    for (fix, frame, end) in [
        ("fixed", LOCKED, "shrunk under the write lock, 0 B held by the program\n"),
        ("dashmap-shrink", SHARDED, "shrunk shard by shard, 2.0 KiB held by the program\n"),
        ("arc-swap-reload", PUBLISHED, "for no session\n"),
    ] {
        let run = ProfiledRun::exact("map-shared", fix, SESSIONS);
        assert_eq!(run.under(frame, "inuse_space"), 0, "{fix}");
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
        assert!(run.under(frame, "alloc_space") > table_bytes::<Pair>(SESSIONS), "{fix}");
        assert!(run.text.ends_with(end), "{fix}: {}", run.text);
        if frame == PUBLISHED {
            assert_each_renewal_copied_the_table(&run);
            assert!(run.text.contains("0 of 4 connections still find"), "{}", run.text);
            assert!(run.text.contains("1 of 10 generations alive\n"), "{}", run.text);
        }
    }
}

#[test]
fn sampling_finds_the_same_stacks() {
    for (leak, frame, growth, bytes) in [
        ("leaky", LOCKED, &GROWTH[..], table_bytes::<Pair>(SESSIONS)),
        ("arc-swap", PUBLISHED, &COPY[..], GENERATIONS_HELD * table_bytes::<Pair>(SESSIONS)),
    ] {
        let run = ProfiledRun::sampled("32k", "map-shared", leak, SESSIONS);
        run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), frame, growth);
        // A table is 80 times as large as the interval: as good as certain to be sampled, and its weight
        // is then its size.
        run.assert_estimates(frame, bytes, 1);
    }
}
