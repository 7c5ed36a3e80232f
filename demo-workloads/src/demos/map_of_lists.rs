//! A `HashMap<String, Vec<String>>` that is only ever appended to keeps every text anyone sent.
//!
//! Kept: each value of each request's headers, by client; with `log-context`, the fields that were logged for
//! each request, by trace id, hours after the request has ended.
//! Why: the line that adds a text has no counterpart that removes one. A list grows with the traffic of its
//! key, and where the key is an id, as that of a trace, the keys and the table grow with the traffic as well.
//! inuse_space: four towers side by side on `record_headers` (or `record_step`): `copy_key` is the keys,
//! `find_list` down to `reserve_rehash` the table, `copy_text` the strings, `grow_list` down to
//! `RawVec::grow_one` the lists' buffers, 24 bytes a string before its first letter, and empty places. By
//! client the strings and lists are nearly all of it; by trace id the keys and the table show as well.
//! alloc_space: `copy_key` is wider, as `entry` wants a key of its own even where there is one already;
//! `grow_list` and `find_list` count each smaller buffer too; `copy_text` is as wide as before: no text was
//! ever given back.
//! Fix: decide what ends a text's life: a bound on each list (`bounded`), only the header that is needed and
//! only when it changed (`needed`), `remove(trace)` when the request ends (`remove-at-end`). Sharing equal
//! texts (`intern`) takes the strings away and leaves lists that still grow, by 16 bytes a text instead of
//! 24.
//! Broken by: `tests/demos/map_of_lists.rs`.

use std::collections::{HashMap, HashSet};
use std::io;
use std::mem;
use std::sync::Arc;

use alloc_tracer::size::{Bytes, Count, percent};
use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, HOST, HeaderValue, USER_AGENT};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-of-lists",
    row: "D9",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 100_000, unit: "requests" },
    leaks: &["leaky", "log-context"],
    fixes: &["bounded", "needed", "intern", "remove-at-end"],
    source: include_str!("map_of_lists.rs"),
    run,
};

/// The header that names the client.
const CLIENT: &str = "x-client";
/// How many texts `bounded` keeps of a client.
const NEWEST: usize = 10;
const REQUESTS_PER_CLIENT: usize = 40;
/// What the service's clock says; how long the demo takes has nothing to do with it.
const HOURS: usize = 4;
const STEPS: [&str; 5] = [
    "step=accept peer=10.0.3.17:51422",
    "step=authenticate user=service-account",
    "step=query table=orders rows=128",
    "step=render template=order-list.html",
    "step=respond status=200",
];

// The core.
struct Lists<Text> {
    by_key: HashMap<String, Vec<Text>>,
}

// The pictures tell the map's four parts by their frames, so none of these functions is inlined, and no two of them
// may do the same: the optimiser would make them one function under one name.
impl<Text> Lists<Text> {
    #[inline(never)]
    fn find_list(&mut self, key: String) -> &mut Vec<Text> {
        self.by_key.entry(key).or_default()
    }
}

#[inline(never)]
fn copy_key(key: &str) -> String {
    key.to_ascii_lowercase()
}

#[inline(never)]
fn copy_text(text: &str) -> String {
    text.to_owned()
}

#[inline(never)]
fn grow_list<Text>(list: &mut Vec<Text>, text: Text) {
    list.push(text);
}

#[inline(never)]
fn record_headers(lists: &mut Lists<String>, headers: &HeaderMap, variant: &str) {
    let list = lists.find_list(copy_key(text(&headers[CLIENT])));
    for (name, value) in headers {
        match variant {
            "needed" if name != USER_AGENT => continue, // fix
            "needed" if list.last().is_some_and(|last| last == value) => continue, // fix
            "bounded" if list.len() == NEWEST => drop(list.remove(0)), // fix
            _ => {}
        }
        grow_list(list, copy_text(text(value))); // leak
    }
}

#[inline(never)]
fn record_shared(lists: &mut Lists<Arc<str>>, texts: &mut HashSet<Arc<str>>, headers: &HeaderMap) {
    let list = lists.find_list(copy_key(text(&headers[CLIENT])));
    for value in headers.values().map(text) {
        let shared = match texts.get(value) {
            Some(known) => Arc::clone(known), // fix
            None => Arc::from(value),
        };
        texts.insert(Arc::clone(&shared));
        grow_list(list, shared);
    }
}

#[inline(never)]
fn record_step(lists: &mut Lists<String>, trace: &str, step: &str) {
    let list = lists.find_list(copy_key(trace));
    grow_list(list, copy_text(step)); // leak
}

fn end_request(lists: &mut Lists<String>, trace: &str, variant: &str) {
    if variant == "remove-at-end" {
        lists.by_key.remove(trace); // fix
    }
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("(not text)")
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    match variant {
        "log-context" | "remove-at-end" => keep_context(variant, size, ledger),
        "intern" => keep_shared_headers(size, ledger),
        _ => keep_headers(variant, size, ledger),
    }
}

/// A request as the server hands it over; it is dropped once it has been answered.
#[inline(never)]
fn receive_request(number: usize, hour: usize, size: usize) -> HeaderMap {
    let client = number % size.div_ceil(REQUESTS_PER_CLIENT);
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("orders.example.net"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml;q=0.9"));
    headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("de-AT,de;q=0.8,en;q=0.5"));
    // Every client is updated in the third hour.
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(["OrderDesk/7.1 (Linux)", "OrderDesk/7.2 (Linux)"][hour / 3]),
    );
    headers.insert(CLIENT, format!("client-{client:06}").try_into().unwrap_or(HeaderValue::from_static("?")));
    headers
}

/// Calls `handle` with the number of each request and the hour it comes in, and prints what every hour adds.
fn by_the_hour(size: usize, ledger: &mut Ledger, mut handle: impl FnMut(usize, usize)) -> io::Result<()> {
    for hour in 1..=HOURS {
        (size * (hour - 1) / HOURS..size * hour / HOURS).for_each(|number| handle(number, hour));
        let handled = Count::from(size * hour / HOURS);
        ledger.line(format_args!("hour {hour}, {handled} requests:"), "held by the program")?;
    }
    Ok(())
}

fn keep_headers(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut lists = Lists { by_key: HashMap::new() };
    by_the_hour(size, ledger, |number, hour| {
        record_headers(&mut lists, &receive_request(number, hour, size), variant);
    })?;
    say_parts(&lists, 1, strings(&lists), ledger)?;
    Ok(Box::new(lists))
}

fn keep_shared_headers(size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let (mut lists, mut texts) = (Lists { by_key: HashMap::new() }, HashSet::new());
    by_the_hour(size, ledger, |number, hour| {
        record_shared(&mut lists, &mut texts, &receive_request(number, hour, size));
    })?;
    // A block of an `Arc<str>` is two counts and the text, rounded up to a whole word.
    let block_bytes =
        |text: &Arc<str>| (2 * size_of::<usize>() + text.len()).next_multiple_of(size_of::<usize>());
    let strings = Part { blocks: texts.len(), bytes: texts.iter().map(block_bytes).sum() };
    say_parts(&lists, 2, strings, ledger)?;
    Ok(Box::new((lists, texts)))
}

fn keep_context(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut lists = Lists { by_key: HashMap::new() };
    by_the_hour(size, ledger, |number, _| {
        let trace = format!("{number:032x}");
        for step in STEPS {
            record_step(&mut lists, &trace, step);
        }
        end_request(&mut lists, &trace, variant);
    })?;
    say_parts(&lists, 1, strings(&lists), ledger)?;
    Ok(Box::new(lists))
}

/// What one of the four parts holds.
struct Part {
    blocks: usize,
    bytes: usize,
}

fn strings(lists: &Lists<String>) -> Part {
    let texts = || lists.by_key.values().flatten();
    Part { blocks: texts().count(), bytes: texts().map(String::capacity).sum() }
}

/// The keys, lists and strings are added up by walking them; what is left of the bytes held is the table's
/// (and that of the set of shared texts).
fn say_parts<Text>(lists: &Lists<Text>, tables: usize, strings: Part, ledger: &mut Ledger) -> io::Result<()> {
    let held_bytes = ledger.held_bytes() as usize;
    let map = &lists.by_key;
    let places: usize = map.values().map(Vec::capacity).sum();
    let keys = Part { blocks: map.len(), bytes: map.keys().map(String::capacity).sum() };
    let buffers = Part { blocks: map.len(), bytes: places * mem::size_of::<Text>() };
    let table = Part { blocks: tables, bytes: held_bytes - keys.bytes - buffers.bytes - strings.bytes };

    ledger.say(format_args!("part      blocks        held    share"))?;
    for (name, part) in [("table", table), ("keys", keys), ("lists", buffers), ("strings", strings)] {
        let (blocks, bytes) = (Count::from(part.blocks), part.bytes as i64);
        let share = percent(bytes, held_bytes as i64);
        ledger.say(format_args!("{name:<7} {blocks:>8}  {:>10}  {share:>5.1} %", Bytes(bytes)))?;
    }
    let used: usize = map.values().map(Vec::len).sum();
    ledger.say(format_args!("{} of the lists' {} places are in use", Count::from(used), Count::from(places)))
}
