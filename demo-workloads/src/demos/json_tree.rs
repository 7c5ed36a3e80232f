//! A `serde_json::Value` takes many times the memory of its text; a typed struct does not.
//!
//! Kept: the parsed export of a shop's orders, as a tree of maps, by a report that reads three fields of each order.
//! Why: each object of a `Value` is a `BTreeMap` (serde_json's `Map`, unless its feature `preserve_order` is on), whose
//! nodes have room for eleven keys and eleven values however few fields there are (the standard library's
//! `btree/node.rs`); each key is a `String` of its own in each object; each number takes a whole `Value`.
//! inuse_space: under `parse_tree` more than 85 % end in `BTreeMap`'s insertion, down to `new_leaf`: a node for each
//! object. Beside it slivers: the keys, the strings, the vectors. With a fix those are what is left, below
//! `parse_typed`; or the text and the vectors, `export` and `parse_borrowed`.
//! alloc_space: the three ways to parse side by side, `parse_tree`, `parse_typed` and `parse_borrowed`, each about as
//! wide as what it holds, since a parser builds up and throws little away; and `export`, the text.
//! Fix: deserialize into a struct that has the fields which are read (`typed`); where the text lives as long as the
//! orders, borrow the strings from it as `&str` (`borrowed`): then only the vectors are allocated, and the text counts.
//! Broken by: `tests/demos/json_tree.rs`.

use std::fmt::Write;
use std::io;

use alloc_tracer::size::{Bytes, Count};
use serde::Deserialize;
use serde_json::Value;

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "json-tree",
    row: "S5",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 16_000, unit: "orders" },
    leaks: &["leaky"],
    fixes: &["typed", "borrowed"],
    source: include_str!("json_tree.rs"),
    run,
};

/// The customer and the article that the report leaves out.
const HOUSE: &str = "customer-000000000000";
const GIFT: &str = "sku-000000000002";

// The core.
/// The fields that the report reads; an order has an id besides.
#[derive(Deserialize)]
struct Order<S> {
    customer: S,
    paid: bool,
    lines: Vec<OrderLine<S>>,
}

#[derive(Deserialize)]
struct OrderLine<S> {
    sku: S,
    quantity: u32,
}

// Never inlined: these frames are the ones that the pictures must name.
#[inline(never)]
fn parse_tree(export: &str) -> serde_json::Result<Value> {
    serde_json::from_str(export) // leak
}

#[inline(never)]
fn parse_typed(export: &str) -> serde_json::Result<Vec<Order<String>>> {
    serde_json::from_str(export) // fix
}

/// Fails on a string with an escape, which no slice of the text can stand for; `Cow<str>` takes both.
#[inline(never)]
fn parse_borrowed(export: &str) -> serde_json::Result<Vec<Order<&str>>> {
    serde_json::from_str(export) // fix
}

/// How many pieces paid orders ask for, by the tree and by the struct.
fn pieces_in_tree(orders: &Value) -> u64 {
    let orders = orders.as_array().into_iter().flatten();
    let paid = orders.filter(|order| order["paid"] == true && order["customer"] != HOUSE);
    let lines = paid.filter_map(|order| order["lines"].as_array()).flatten();
    lines.filter(|line| line["sku"] != GIFT).filter_map(|line| line["quantity"].as_u64()).sum()
}

fn pieces<S: AsRef<str>>(orders: &[Order<S>]) -> u64 {
    let paid = orders.iter().filter(|order| order.paid && order.customer.as_ref() != HOUSE);
    let lines = paid.flat_map(|order| &order.lines).filter(|line| line.sku.as_ref() != GIFT);
    lines.map(|line| u64::from(line.quantity)).sum()
}
// End of the core.

/// All strings have the same length in each order.
fn export(orders: usize) -> String {
    let mut text = String::from("[");
    for id in 0..orders {
        let (comma, paid) = (if id == 0 { "" } else { "," }, id % 2 == 0);
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "{comma}\n{{\"id\":{id},\"customer\":\"customer-{id:012}\",\"paid\":{paid},\"lines\":[\
             {{\"sku\":\"sku-{id:012}\",\"quantity\":1}},{{\"sku\":\"sku-{id:012}\",\"quantity\":2}}]}}"
        );
    }
    text.push_str("]\n");
    // What is borrowed from is kept: without the room that growth left.
    text.shrink_to_fit();
    text
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let text = export(size);
    let (orders, length) = (Count::from(size), Bytes::unsigned(text.len() as u64));
    ledger.say(format_args!("an export of {orders} orders, {length} of text, parsed:"))?;
    let (times, bytes, held, ratio) = ("allocations", "allocated", "then held", "per text");
    ledger.say(format_args!("{:<32} {times:>11} {bytes:>10} {held:>10} {ratio:>9}", ""))?;

    let mut kept: Held = Box::new(());
    let tree = row(ledger, "serde_json::Value", &text, 0, parse_tree)?;
    let pieces_of_tree = pieces_in_tree(&tree);
    if variant == "leaky" {
        kept = Box::new(tree);
    } else {
        drop(tree);
    }
    let orders = row(ledger, "Vec<Order<String>>", &text, 0, parse_typed)?;
    let pieces_of_typed = pieces(&orders);
    if variant == "typed" {
        kept = Box::new(orders);
    } else {
        drop(orders);
    }
    // Who borrows needs the text as well. The service would keep it for as long as it runs.
    let (way, needs_bytes) = ("Vec<Order<&str>> and the text", text.len() as u64);
    let pieces_of_borrowed = if variant == "borrowed" {
        let orders = row(ledger, way, String::leak(text), needs_bytes, parse_borrowed)?;
        let pieces = pieces(&orders);
        kept = Box::new(orders);
        pieces
    } else {
        let pieces = pieces(&row(ledger, way, &text, needs_bytes, parse_borrowed)?);
        drop(text);
        pieces
    };
    for (way, pieces) in
        [("tree", pieces_of_tree), ("typed", pieces_of_typed), ("borrowed", pieces_of_borrowed)]
    {
        ledger.say(format_args!("paid pieces, {way:<9} {:>10}", Count(pieces as i64)))?;
    }
    ledger.line(format_args!("the report goes on with what it keeps:"), "held by the program")?;
    Ok(kept)
}

/// Parses and prints what that took and what the result, and what it needs besides, holds.
fn row<'a, T>(
    ledger: &mut Ledger,
    way: &str,
    text: &'a str,
    needs_bytes: u64,
    parse: fn(&'a str) -> serde_json::Result<T>,
) -> io::Result<T> {
    let before = alloc_tracer::stats();
    let parsed = parse(text)?;
    let after = alloc_tracer::stats();
    let times = after.allocations + after.reallocations - before.allocations - before.reallocations;
    let times = Count(times as i64);
    let bytes = Bytes::unsigned(after.total_bytes - before.total_bytes);
    let held_bytes = after.live_bytes - before.live_bytes + needs_bytes;
    let (held, ratio) = (Bytes::unsigned(held_bytes), held_bytes as f64 / text.len() as f64);
    ledger.say(format_args!("{way:<32} {times:>11} {bytes:>10} {held:>10} {ratio:>9.1}"))?;
    Ok(parsed)
}
