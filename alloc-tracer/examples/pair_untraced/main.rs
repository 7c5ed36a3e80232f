//! The loop of `pairs.rs` without the tracer, for the comparison.

#[path = "../pair/pairs.rs"]
mod pairs;

#[global_allocator]
static ALLOC: std::alloc::System = std::alloc::System;

fn main() {
    pairs::run();
}
