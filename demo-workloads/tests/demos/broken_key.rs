//! `broken-key`: a map whose key hashes more than it compares grows with every round and removes nothing; a
//! consistent key removes all, and so does a sweep that needs no hash.

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::table_bytes;

const CLIENTS: i64 = 500;
const ROUNDS: i64 = 4;
const BUFFER_BYTES: i64 = 1 << 10;
const CONNECT: &str = "connect";
const BUFFER: &str = "open_buffer";
/// An address and a time; a time and a buffer.
type Pair = ((String, u64), (u64, Vec<u8>));

/// What each round found to remove and how many it left.
fn rounds(run: &ProfiledRun) -> Vec<(&str, &str)> {
    let lines = run.text.lines().filter(|line| line.starts_with("round "));
    lines.map(|line| (between(line, "remove found ", ", len"), between(line, "len() is ", ": "))).collect()
}

fn between<'a>(line: &'a str, before: &str, after: &str) -> &'a str {
    line.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[test]
fn connections_that_remove_cannot_find_pile_up() {
    let run = ProfiledRun::exact("broken-key", "leaky", CLIENTS as u64);
    for column in ["inuse_space", "alloc_space"] {
        assert_eq!(run.under(BUFFER, column), ROUNDS * CLIENTS * BUFFER_BYTES, "{column}");
    }
    let table = run.under(CONNECT, "inuse_space") - run.under(BUFFER, "inuse_space");
    assert_eq!(table, table_bytes::<Pair>((ROUNDS * CLIENTS) as u64));
    let heaviest = run.heaviest("inuse_space");
    heaviest.assert_dominates(run.under(BUFFER, "inuse_space"), CONNECT, &[BUFFER]);
    // The rest is the addresses.
    assert!(heaviest.value * 100 > run.total("inuse_space") * 85, "{heaviest:?}");
    assert_eq!(rounds(&run), [("0", "500"), ("0", "1,000"), ("0", "1,500"), ("0", "2,000")]);
    let lost = "keys equal to that of client 0: 4; contains_key finds none\n";
    assert!(run.text.contains(lost), "{}", run.text);
}

#[test]
fn a_key_that_hashes_what_it_compares_is_found_and_removed() {
    let run = ProfiledRun::exact("broken-key", "fixed", CLIENTS as u64);
    assert_eq!(rounds(&run), [("500", "0"); ROUNDS as usize]);
    assert_emptied(&run);
}

#[test]
fn a_sweep_releases_what_remove_cannot_find() {
    let run = ProfiledRun::exact("broken-key", "retain", CLIENTS as u64);
    assert_eq!(rounds(&run), [("0", "0"); ROUNDS as usize]);
    assert_emptied(&run);
}

fn assert_emptied(run: &ProfiledRun) {
    assert_eq!(run.under(CONNECT, "inuse_space"), 0);
    assert!(run.total("inuse_space") < 64 << 10, "leaves {}", run.total("inuse_space"));
    assert!(run.under(CONNECT, "alloc_space") > ROUNDS * CLIENTS * BUFFER_BYTES);
    assert_eq!(run.under(BUFFER, "alloc_space"), ROUNDS * CLIENTS * BUFFER_BYTES, "traffic is not the leak");
    assert!(run.text.ends_with("after shrink_to_fit: 0 B held by the program\n"), "{}", run.text);
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("1k", "broken-key", "leaky", CLIENTS as u64);
    let held = ROUNDS * CLIENTS * BUFFER_BYTES;
    let heaviest = run.heaviest("inuse_space");
    heaviest.assert_dominates(run.under(BUFFER, "inuse_space"), CONNECT, &[BUFFER]);
    // A buffer is as large as the interval and sampled with a probability of 63 %; of two thousand the
    // estimate's standard error is 1.7 %.
    assert!((heaviest.value - held).abs() * 10 < held, "{} for {held}", heaviest.value);
}
