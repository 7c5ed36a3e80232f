//! `map-churn`: replacing entries doubles a table that is never more than 65 % full, and makes look-ups longer before;
//! a rebuild when it is full of tombstones does neither; mark-and-rebuild neither, but makes more tables.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::bytes_of_buckets;

/// Room for 7,168 connections.
const SIZE: u64 = 7_000;
const SLOTS: u64 = 1 << 13;
type Pair = (u64, [u8; 56]);
const ROOM: u64 = 7_168;
const CONNECTIONS: u64 = 4_659;
const OPEN: &str = "ConnectionTable::open";
const WITH_LIMIT: &str = "ConnectionTable::with_limit";
const REBUILD: &str = "ConnectionTable::rebuild";

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("map-churn", "leaky", SIZE));

struct Round {
    open: u64,
    marked: u64,
    capacity: u64,
    held: String,
    compared: u64,
}

fn rounds(text: &str) -> Vec<Round> {
    let rows: Vec<Round> = text
        .lines()
        .skip(2)
        .map(|row| row.replace(',', ""))
        .take_while(|row| row.trim_start().starts_with(|letter: char| letter.is_ascii_digit()))
        .map(|row| {
            let fields: Vec<&str> = row.split_whitespace().collect();
            let number = |at: usize| fields[at].parse().unwrap();
            let (open, marked, capacity, compared) = (number(1), number(2), number(3), number(6));
            Round { open, marked, capacity, held: fields[4..6].join(" "), compared }
        })
        .collect();
    assert_eq!(rows.len(), 20, "{text}");
    assert!(rows.iter().all(|row| row.open == CONNECTIONS), "{text}");
    rows
}

fn tables_made(text: &str) -> u64 {
    let words = text.lines().find_map(|line| line.strip_prefix("tables made: ")).unwrap();
    words.split(';').next().unwrap().parse().unwrap()
}

#[test]
fn churn_doubles_a_table_that_has_room_for_all() {
    let run = &*LEAKY;
    assert_eq!(run.under(OPEN, "inuse_space"), bytes_of_buckets::<Pair>(2 * SLOTS));
    run.heaviest("inuse_space").assert_dominates(
        run.total("inuse_space"),
        OPEN,
        &["reserve_rehash", "resize"],
    );
    assert_eq!(run.under(WITH_LIMIT, "inuse_space"), 0);
    assert_eq!(run.under(WITH_LIMIT, "alloc_space"), bytes_of_buckets::<Pair>(SLOTS));
    assert_eq!(run.under(OPEN, "alloc_space"), bytes_of_buckets::<Pair>(2 * SLOTS));
    assert_eq!(tables_made(&run.text), 2);
    assert!(run.text.contains(" ns to close one and open one; an unknown id: "), "{}", run.text);
}

#[test]
fn tombstones_lower_the_capacity_and_lengthen_look_ups_until_the_table_doubles() {
    let run = &*LEAKY;
    let rounds = rounds(&run.text);
    let doubled = rounds.iter().position(|round| round.capacity > ROOM).unwrap();
    assert!(rounds[0].capacity < ROOM && rounds[..doubled].is_sorted_by(|a, b| a.capacity > b.capacity));
    assert!(rounds[..doubled].iter().all(|round| round.held == "520.0 KiB"));
    assert!(rounds[doubled..].iter().all(|round| round.held == "1.0 MiB"));
    // With twice the slots a look-up of what is not there ends sooner than ever.
    let [first, last] = [&rounds[0], &rounds[doubled - 1]].map(|round| round.compared);
    assert!(last > 2 * first && rounds[doubled].compared < first, "{first} {last}");
}

#[test]
fn a_rebuild_at_the_same_size_keeps_the_table_and_look_ups_short() {
    let run = ProfiledRun::exact("map-churn", "fixed", SIZE);
    let rounds = rounds(&run.text);
    assert_eq!(run.under(OPEN, "inuse_space"), bytes_of_buckets::<Pair>(SLOTS));
    assert_eq!(run.under(REBUILD, "inuse_space"), bytes_of_buckets::<Pair>(SLOTS));
    // The standard output's buffer and the like.
    assert!(run.total("inuse_space") < bytes_of_buckets::<Pair>(SLOTS) + (16 << 10));
    assert_eq!(tables_made(&run.text), 2);
    assert!(rounds.iter().all(|round| round.held == "520.0 KiB"), "{}", run.text);
    assert!(rounds[19].compared < 2 * rounds[0].compared);
}

#[test]
fn mark_and_rebuild_holds_as_much_and_makes_several_times_as_many_tables() {
    let run = ProfiledRun::exact("map-churn", "mark-and-rebuild", SIZE);
    let rounds = rounds(&run.text);
    assert_eq!(run.under(REBUILD, "inuse_space"), bytes_of_buckets::<Pair>(SLOTS));
    assert_eq!(
        run.under(WITH_LIMIT, "alloc_space"),
        tables_made(&run.text) as i64 * bytes_of_buckets::<Pair>(SLOTS)
    );
    assert!(rounds.iter().all(|round| round.capacity == ROOM && round.held == "520.0 KiB"), "{}", run.text);
    // Never more than 30 % of all entries are dead; some always are.
    assert!(rounds.iter().all(|round| round.marked * 10 <= (round.open + round.marked) * 3));
    assert!(rounds.iter().any(|round| round.marked * 10 > (round.open + round.marked) * 2));
    // 20 rounds replace five times all that is open; 30 % of 1/0.7 of that are dead at a rebuild.
    let replaced = 20 * CONNECTIONS.div_ceil(4);
    let per_rebuild = (CONNECTIONS as f64 * 0.3 / 0.7) as u64 + 1;
    assert_eq!(tables_made(&run.text), 1 + replaced / per_rebuild);
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("8k", "map-churn", "leaky", SIZE);
    run.heaviest("inuse_space").assert_dominates(
        run.total("inuse_space"),
        OPEN,
        &["reserve_rehash", "resize"],
    );
    // One block 130 times as large as the interval is as good as certain to be sampled, and its weight is its size.
    let table = bytes_of_buckets::<Pair>(2 * SLOTS);
    run.assert_estimates(OPEN, table, 1);
}
