//! When shrinking pays: prints the tables of `docs/shrinking.md`, or some of their rows.
//! `cargo run --release -p alloc-tracer --example shrinking [-- HashMap churn never]`

mod policies;
mod tables;
mod workloads;

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    print!("{}", tables::print(&words));
}
