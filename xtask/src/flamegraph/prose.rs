//! Words with `code` in backticks, as the demos write them.

use minijinja::{Value, context};

/// Words and code in turn.
pub(super) fn prose(text: &str) -> Vec<Value> {
    let parts = text.split('`').enumerate().filter(|(_, text)| !text.is_empty());
    parts.map(|(at, text)| context! { is_code => at % 2 == 1, text }).collect()
}

/// The same as a sentence of its own.
pub(super) fn sentence(text: &str) -> Vec<Value> {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => prose(&first.to_uppercase().chain(letters).collect::<String>()),
        None => Vec::new(),
    }
}
