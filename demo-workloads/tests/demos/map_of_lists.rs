//! `map-of-lists`: the table, the keys, the lists and the strings of a map of lists are four stacks and four
//! printed rows that agree to the byte; every fix gives back the parts that it says it does.

use alloc_tracer::size::{Bytes, Count};

use crate::profiled_run::{ProfiledRun, printed_bytes};
use crate::table_bytes::table_bytes;

const REQUESTS: i64 = 4_000;
const REQUESTS_PER_CLIENT: i64 = 40;
const CLIENTS: i64 = REQUESTS / REQUESTS_PER_CLIENT;
const PARTS: [(&str, &str); 4] =
    [("table", "find_list"), ("keys", "copy_key"), ("lists", "grow_list"), ("strings", "copy_text")];
type Pair = (String, Vec<String>);

const CLIENT_BYTES: i64 = "client-000000".len() as i64;
const TEXTS: i64 = 5;
const TEXT_BYTES: i64 = ("orders.example.net".len()
    + "text/html,application/xhtml+xml;q=0.9".len()
    + "de-AT,de;q=0.8,en;q=0.5".len()
    + "OrderDesk/7.1 (Linux)".len()) as i64
    + CLIENT_BYTES;

const STEPS: i64 = 5;
const STEP_BYTES: i64 = ("step=accept peer=10.0.3.17:51422".len()
    + "step=authenticate user=service-account".len()
    + "step=query table=orders rows=128".len()
    + "step=render template=order-list.html".len()
    + "step=respond status=200".len()) as i64;
const TRACE_BYTES: i64 = 32;

/// A vector's buffer starts with room for four and doubles.
fn buffer_bytes(texts: i64, text_size: usize) -> i64 {
    (texts as u64).next_power_of_two().max(4) as i64 * text_size as i64
}

fn bytes_of_parts(run: &ProfiledRun, column: &str) -> [i64; 4] {
    PARTS.map(|(_, frame)| run.under(frame, column))
}

/// Asserts that each part has a row with the blocks and the bytes that its stack has in the profile.
fn assert_rows_match_stacks(run: &ProfiledRun) {
    for (name, frame) in PARTS {
        let row = run.text.lines().find(|row| row.starts_with(&format!("{name} "))).unwrap();
        let (blocks, held) = (run.under(frame, "inuse_objects"), run.under(frame, "inuse_space"));
        let figures = format!("{}  {}", Count(blocks), Bytes(held));
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(format!("{}  {} {}", words[1], words[2], words[3]), figures, "{row}");
    }
}

#[test]
fn headers_kept_by_client_are_lists_and_strings() {
    let run = ProfiledRun::exact("map-of-lists", "leaky", REQUESTS as u64);
    let lists = CLIENTS * buffer_bytes(TEXTS * REQUESTS_PER_CLIENT, size_of::<String>());
    let strings = REQUESTS * TEXT_BYTES;
    let parts = [table_bytes::<Pair>(CLIENTS as u64), CLIENTS * CLIENT_BYTES, lists, strings];
    assert_eq!(bytes_of_parts(&run, "inuse_space"), parts);
    assert_eq!(run.under("record_headers", "inuse_space"), parts.iter().sum::<i64>());
    assert_rows_match_stacks(&run);
    assert!((lists + strings) * 100 > run.total("inuse_space") * 95, "{lists} {strings}");
    run.heaviest("inuse_space").assert_dominates(lists, "grow_list", &["grow_one"]);
    assert!(run.text.ends_with("20,000 of the lists' 25,600 places are in use\n"), "{}", run.text);

    let allocated = bytes_of_parts(&run, "alloc_space");
    assert_eq!(allocated[1], REQUESTS * CLIENT_BYTES, "a key for each request");
    assert_eq!(allocated[3], strings, "no text was given back");
    assert!(allocated[0] > parts[0] && allocated[2] > parts[2], "{allocated:?} {parts:?}");
}

#[test]
fn log_context_kept_by_trace_id_is_table_and_keys_as_well_and_grows_by_the_hour() {
    let run = ProfiledRun::exact("map-of-lists", "log-context", REQUESTS as u64);
    let lists = REQUESTS * buffer_bytes(STEPS, size_of::<String>());
    let parts = [table_bytes::<Pair>(REQUESTS as u64), REQUESTS * TRACE_BYTES, lists, REQUESTS * STEP_BYTES];
    assert_eq!(bytes_of_parts(&run, "inuse_space"), parts);
    assert_eq!(run.under("record_step", "inuse_space"), parts.iter().sum::<i64>());
    assert_rows_match_stacks(&run);
    assert!((parts[0] + parts[1]) * 100 > run.total("inuse_space") * 20, "{parts:?}");
    assert_eq!(run.under("copy_key", "alloc_space"), STEPS * parts[1], "a key for each step");
    assert_every_hour_adds_as_much(&run);
}

/// What each hour adds is about what the first one did: the table doubles, all else is proportional.
fn assert_every_hour_adds_as_much(run: &ProfiledRun) {
    let lines = run.text.lines().filter(|line| line.starts_with("hour "));
    let amounts = lines.map(|line| line.split_once(": ").unwrap().1.split_once(" held").unwrap().0);
    let held: Vec<f64> = amounts.map(printed_bytes).collect();
    assert_eq!(held.len(), 4);
    assert!(held.windows(2).all(|hours| hours[1] - hours[0] > held[0] * 0.7), "{held:?}");
}

#[test]
fn a_bound_on_each_list_stops_the_growth() {
    let run = ProfiledRun::exact("map-of-lists", "fixed", REQUESTS as u64);
    // Ten texts are those of the last two requests.
    let lists = CLIENTS * buffer_bytes(10, size_of::<String>());
    let table = table_bytes::<Pair>(CLIENTS as u64);
    let parts = [table, CLIENTS * CLIENT_BYTES, lists, CLIENTS * 2 * TEXT_BYTES];
    assert_eq!(bytes_of_parts(&run, "inuse_space"), parts);
    assert_rows_match_stacks(&run);
    assert_eq!(run.under("copy_text", "alloc_space"), REQUESTS * TEXT_BYTES, "traffic is not the leak");
}

#[test]
fn keeping_only_what_is_needed_keeps_two_texts_a_client() {
    let run = ProfiledRun::exact("map-of-lists", "needed", REQUESTS as u64);
    // Every client is updated once, so that it has had two user agents.
    assert_eq!(run.under("copy_text", "inuse_objects"), 2 * CLIENTS);
    assert_eq!(run.under("grow_list", "inuse_space"), CLIENTS * buffer_bytes(2, size_of::<String>()));
    assert_rows_match_stacks(&run);
}

#[test]
fn shared_texts_take_the_strings_away_and_leave_lists_that_grow() {
    let run = ProfiledRun::exact("map-of-lists", "intern", REQUESTS as u64);
    let lists = CLIENTS * buffer_bytes(TEXTS * REQUESTS_PER_CLIENT, size_of::<&str>());
    assert_eq!(run.under("grow_list", "inuse_space"), lists);
    assert!(lists * 100 > run.total("inuse_space") * 90, "{}", run.text);
    // A text for each client, four that all have in common, and a user agent that changed.
    let strings = run.text.lines().find(|row| row.starts_with("strings ")).unwrap();
    assert_eq!(strings.split_whitespace().nth(1), Some("105"), "{strings}");
}

#[test]
fn an_entry_removed_when_its_request_ends_leaves_the_smallest_table() {
    let run = ProfiledRun::exact("map-of-lists", "remove-at-end", REQUESTS as u64);
    assert_eq!(bytes_of_parts(&run, "inuse_space"), [table_bytes::<Pair>(1), 0, 0, 0]);
    assert!(run.under("record_step", "alloc_space") > REQUESTS * STEP_BYTES);
    assert!(run.total("inuse_space") < 64 << 10, "leaves {}", run.total("inuse_space"));
}

#[test]
fn sampling_finds_the_same_stacks() {
    let run = ProfiledRun::sampled("1k", "map-of-lists", "leaky", REQUESTS as u64);
    let lists = CLIENTS * buffer_bytes(TEXTS * REQUESTS_PER_CLIENT, size_of::<String>());
    run.heaviest("inuse_space").assert_dominates(
        run.under("grow_list", "inuse_space"),
        "grow_list",
        &["grow_one"],
    );
    // A list is six times as large as the interval. Of the strings about 440 are sampled: the estimate's
    // standard error is 5 %.
    run.assert_estimates("grow_list", lists, 10);
    run.assert_estimates("copy_text", REQUESTS * TEXT_BYTES, 30);
}
