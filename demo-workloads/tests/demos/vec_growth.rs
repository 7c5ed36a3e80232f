//! `vec-growth`: pushing asks for every power of two on the way and ends with room to spare, exact reserving asks for
//! the square, a capacity asks once; the table and the profile agree on each call stack.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;

const TEMPERATURES: i64 = 100_000;
const READING_BYTES: i64 = 16;
const CHUNK: i64 = 4096;
/// The call stacks, and how many readings come through each.
const SITES: [(&str, i64); 3] = [
    ("Readings::record_temperature", TEMPERATURES),
    ("Readings::record_humidity", TEMPERATURES / 10),
    ("Readings::record_pressure", TEMPERATURES / 100),
];
const TEMPERATURE: &str = SITES[0].0;

static LEAKY: LazyLock<ProfiledRun> =
    LazyLock::new(|| ProfiledRun::exact("vec-growth", "leaky", TEMPERATURES as u64));

/// The capacities of a vector of small elements: four, and doubled until all fit. Source: `grow_amortized` and
/// `min_non_zero_cap` in Rust's `library/alloc/src/raw_vec/mod.rs`.
fn doubled_capacities(count: i64) -> Vec<i64> {
    let mut capacities = vec![4];
    while *capacities.last().unwrap() < count {
        capacities.push(capacities.last().unwrap() * 2);
    }
    capacities
}

#[test]
fn every_call_stack_holds_the_last_power_of_two_and_has_asked_for_all_of_them() {
    for (function, count) in SITES {
        let capacities = doubled_capacities(count);
        let (last, all) = (*capacities.last().unwrap(), capacities.iter().sum::<i64>());
        assert_eq!(LEAKY.under(function, "inuse_space"), last * READING_BYTES, "{function}");
        assert_eq!(LEAKY.under(function, "inuse_objects"), 1, "{function}");
        assert_eq!(LEAKY.under(function, "alloc_space"), all * READING_BYTES, "{function}");
        assert_eq!(LEAKY.under(function, "alloc_objects"), capacities.len() as i64, "{function}");
    }
    LEAKY.heaviest("inuse_space").assert_leads(TEMPERATURE, &["grow_one"]);
}

#[test]
fn the_table_counts_the_reallocations_of_every_call_stack() {
    let rows = [
        "record_temperature       100,000            15    4.0 MiB    2.0 MiB    1.5 MiB\n",
        "record_humidity           10,000            12  511.9 KiB  256.0 KiB  156.2 KiB\n",
        "record_pressure            1,000             8   31.9 KiB   16.0 KiB   15.6 KiB\n",
        "recorded, 585.6 KiB of it for no reading: 2.3 MiB held by the program\n",
    ];
    assert!(LEAKY.text.ends_with(&rows.concat()), "{}", LEAKY.text);
}

#[test]
fn a_million_pushes_take_eighteen_reallocations() {
    let run = ProfiledRun::exact_unnamed("vec-growth", "leaky", 1_000_000);
    let row = "record_temperature     1,000,000            18   32.0 MiB   16.0 MiB   15.3 MiB\n";
    assert!(run.text.contains(row), "{}", run.text);
}

#[test]
fn reserving_exactly_asks_for_the_square() {
    let run = ProfiledRun::exact("vec-growth", "reserve-exact", TEMPERATURES as u64);
    let buffers = (0..TEMPERATURES).step_by(CHUNK as usize).map(|first| TEMPERATURES.min(first + CHUNK));
    let asked_for: i64 = buffers.clone().sum();
    assert_eq!(run.under(TEMPERATURE, "alloc_space"), asked_for * READING_BYTES);
    assert_eq!(run.under(TEMPERATURE, "alloc_objects"), buffers.count() as i64);
    assert_eq!(run.under(TEMPERATURE, "inuse_space"), TEMPERATURES * READING_BYTES);
    // 25 chunks, the last of them not whole: (25 + 1) / 2 times what is in use.
    let ratio = run.under(TEMPERATURE, "alloc_space") as f64 / run.under(TEMPERATURE, "inuse_space") as f64;
    assert!((12.5..13.5).contains(&ratio), "{ratio}");
}

#[test]
fn with_a_capacity_both_pictures_are_the_same() {
    let run = ProfiledRun::exact("vec-growth", "fixed", TEMPERATURES as u64);
    for (function, count) in SITES {
        for column in ["inuse_space", "alloc_space"] {
            assert_eq!(run.under(function, column), count * READING_BYTES, "{function} {column}");
        }
        assert_eq!(run.under(function, "alloc_objects"), 1, "{function}");
    }
}

#[test]
fn every_fix_holds_no_room_to_spare_and_only_a_capacity_spares_the_chain() {
    for (fix, reallocations) in [("fixed", 0), ("with-capacity", 0), ("collect", 0), ("shrink", 16)] {
        let run = ProfiledRun::exact_unnamed("vec-growth", fix, TEMPERATURES as u64);
        assert!(
            run.text.ends_with("recorded, 0 B of it for no reading: 1.7 MiB held by the program\n"),
            "{fix}"
        );
        let row = format!("record_temperature       100,000 {reallocations:>13} ");
        assert!(run.text.contains(&row), "{fix}: {}", run.text);
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("16k", "vec-growth", "leaky", TEMPERATURES as u64);
    // The block is 128 times as large as the interval: as good as certain to be sampled, and its weight is
    // then its size.
    let held = LEAKY.under(TEMPERATURE, "inuse_space");
    run.assert_estimates(TEMPERATURE, held, 1);
}
