//! A program with the two lines: parses a JSON document with serde_json and keeps the tree.
//!
//! `cargo run --release --example parse_json [FILE]`; without a file it parses a document of its own,
//! 50,000 orders as a web shop would export them.

use std::fmt::Write;

use serde_json::Value;

#[global_allocator]
static ALLOC: alloc_tracer::AllocTracer = alloc_tracer::AllocTracer::system();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => export_orders(50_000),
    };
    let document = parse(&text)?;
    println!("{} bytes of text, {} values in the tree", text.len(), count(&document));
    drop(text);
    // The document is in use until the program ends, as in a service that answers from it.
    std::mem::forget(document);
    Ok(())
}

fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text)
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

fn export_orders(orders: u32) -> String {
    let mut text = String::from("[");
    for id in 0..orders {
        let comma = if id == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}{{"id":{id},"customer":"customer-{}","paid":{},"lines":[{{"sku":"SKU-{}","count":{}}}],"note":""}}"#,
            id % 977,
            id % 3 == 0,
            id % 311,
            id % 5 + 1,
        );
    }
    text.push(']');
    text
}
