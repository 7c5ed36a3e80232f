//! `leak-twice`: one profile shows two leaks, each at its own stack; each fix alone leaves the other leak whole, and
//! both leave a sixteenth of the entries.

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::table_bytes;

const MESSAGES: u64 = 64;
const COUNT: i64 = MESSAGES as i64;
const MESSAGE_BYTES: i64 = 64 << 10;
const RECORDS: i64 = 256;
const KEY_BYTES: i64 = 128;
const ETAG_BYTES: i64 = 16;
const LIVES_ON: i64 = 16;
const RECEIVE: &str = "receive_message";
const REMEMBER: &str = "EtagCache::remember";
type Pair = (String, bytes::Bytes);

fn keys_and_table(entries: i64) -> i64 {
    entries * KEY_BYTES + table_bytes::<Pair>(entries as u64)
}

#[test]
fn one_profile_shows_both_leaks_each_at_its_own_stack() {
    let run = ProfiledRun::exact("leak-twice", "leaky", MESSAGES);
    let (messages, remembered) = (run.under(RECEIVE, "inuse_space"), run.under(REMEMBER, "inuse_space"));
    assert_eq!(messages, COUNT * MESSAGE_BYTES);
    assert_eq!(remembered, keys_and_table(COUNT * RECORDS));
    let total = run.total("inuse_space");
    for part in [messages, remembered] {
        assert!((45..=55).contains(&(100 * part / total)), "{part} of {total}");
    }
    // Besides the two towers, each message has a count of its slices.
    assert!((messages + remembered) * 100 >= total * 99);
    assert!(
        run.text.contains("of 16,384 sessions 1,024 live; the cache keeps 262,144 bytes"),
        "{}",
        run.text
    );
    let (allocated, received) = (run.under(REMEMBER, "alloc_space"), run.under(RECEIVE, "alloc_space"));
    assert_eq!(received, messages);
    assert!(allocated > received && allocated < 2 * remembered, "{allocated}");
}

#[test]
fn removing_ended_sessions_alone_leaves_every_message() {
    let run = ProfiledRun::exact("leak-twice", "keys-only", MESSAGES);
    assert_eq!(run.under(RECEIVE, "inuse_space"), COUNT * MESSAGE_BYTES);
    let remembered = run.under(REMEMBER, "inuse_space");
    assert!(remembered * 8 < keys_and_table(COUNT * RECORDS), "{remembered}");
}

#[test]
fn copying_values_alone_leaves_every_key_and_the_table() {
    let run = ProfiledRun::exact("leak-twice", "buffers-only", MESSAGES);
    assert_eq!(run.under(RECEIVE, "inuse_space"), 0);
    let left = keys_and_table(COUNT * RECORDS) + COUNT * RECORDS * ETAG_BYTES;
    assert_eq!(run.under(REMEMBER, "inuse_space"), left);
}

#[test]
fn both_fixes_leave_the_sessions_that_live() {
    let run = ProfiledRun::exact("leak-twice", "fixed", MESSAGES);
    assert_eq!(run.under(RECEIVE, "inuse_space"), 0);
    let live = COUNT * RECORDS / LIVES_ON;
    let table = run.under(REMEMBER, "inuse_space") - live * (KEY_BYTES + ETAG_BYTES);
    // Before its ended sessions are removed, the last message needs room for all of its own.
    assert!(
        [live, live + RECORDS].map(|entries| table_bytes::<Pair>(entries as u64)).contains(&table),
        "{table}"
    );
    assert!(run.total("inuse_space") * 20 < COUNT * 2 * MESSAGE_BYTES);
}

#[test]
fn sampling_finds_both_stacks() {
    let run = ProfiledRun::sampled("4k", "leak-twice", "leaky", MESSAGES);
    let exact = [(RECEIVE, COUNT * MESSAGE_BYTES), (REMEMBER, keys_and_table(COUNT * RECORDS))];
    for (function, bytes) in exact {
        let off = (run.under(function, "inuse_space") - bytes).abs();
        // The keys, half of the second tower, are sampled one in 32: five standard errors are a ninth.
        assert!(off * 5 < bytes, "{function}: off by {off} of {bytes}");
    }
}
