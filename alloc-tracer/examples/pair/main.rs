//! The loop of `pairs.rs` with the tracer, to count its instructions: see ARCHITECTURE.md, "Measured".

mod pairs;

#[global_allocator]
static ALLOC: alloc_tracer::AllocTracer = alloc_tracer::AllocTracer::system();

fn main() {
    pairs::run();
}
