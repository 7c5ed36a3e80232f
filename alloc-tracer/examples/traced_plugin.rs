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

/// A block of the plugin's, which somebody else may free.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_block(bytes: usize) -> *mut u8 {
    std::mem::ManuallyDrop::new(std::hint::black_box(vec![7; bytes])).as_mut_ptr()
}

/// Frees a block that somebody else made, and says how many bytes the plugin has live by its own count.
///
/// # Safety
/// The block was allocated with this size, an alignment of 1 and the system's allocator, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plugin_free(block: *mut u8, bytes: usize) -> u64 {
    // SAFETY: by this function's contract.
    drop(unsafe { Vec::from_raw_parts(block, bytes, bytes) });
    alloc_tracer::stats().live_bytes
}
