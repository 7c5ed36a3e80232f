//! The tables that `docs/shrinking.md` shows are what `examples/shrinking` prints. Its own process: the tracer's counts
//! must be this program's alone. To bless new ones: the command on the page.

#[path = "../examples/shrinking/policies.rs"]
mod policies;
#[path = "../examples/shrinking/tables.rs"]
mod tables;
#[path = "../examples/shrinking/workloads.rs"]
mod workloads;

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

fn main() {
    let measured = tables::print(&[]);
    let page = include_str!("../../docs/shrinking.md");
    assert!(
        page.contains(&format!("```text\n{measured}```\n")),
        "the page shows other tables than:\n{measured}"
    );
    println!("shrinking_page: ok");
}
