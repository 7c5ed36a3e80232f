//! serde_json parses a document of 5 MB into values and drops them. A unit is one document.

use std::fmt::Write;
use std::hint::black_box;

use serde_json::Value;

use super::Workload;

const BYTES: usize = 5_000_000;

/// A document.
pub(crate) struct Json {
    text: String,
}

impl Json {
    pub(crate) fn new() -> Self {
        let mut json = Json { text: export(BYTES) };
        json.run(1);
        json
    }
}

impl Workload for Json {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            let value: Value = serde_json::from_str(&self.text).expect("the document is JSON");
            black_box(&value);
        }
    }
}

/// Orders, as a web shop would export them.
fn export(bytes: usize) -> String {
    let mut text = String::from("[");
    for id in 0.. {
        let comma = if id == 0 { "" } else { "," };
        let (customer, paid, sku, count) = (id % 977, id % 3 == 0, id % 311, id % 5 + 1);
        write!(text, r#"{comma}{{"id":{id},"customer":"customer-{customer}","paid":{paid},"#,)
            .and_then(|()| write!(text, r#""lines":[{{"sku":"SKU-{sku}","count":{count}}}],"note":""}}"#))
            .expect("a String takes any text");
        if text.len() >= bytes {
            break;
        }
    }
    text.push(']');
    text
}
