//! The loop of `pair/pairs.rs` without the tracer.

#[path = "../pair/pairs.rs"]
mod pairs;

fn main() {
    pairs::run();
}
