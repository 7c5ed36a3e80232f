//! A plugin that contains the tracer, as its own allocator, and is loaded by a program that does not:
//! a C library for hosts in any language. `tests/plugin_host.rs` is such a host.

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

/// Works with `count` blocks, and says how many the plugin has live meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_work(count: usize) -> u64 {
    let blocks: Vec<Box<usize>> = (0..count).map(Box::new).collect();
    let live = alloc_tracer::stats().live_blocks;
    drop(std::hint::black_box(blocks));
    live
}
