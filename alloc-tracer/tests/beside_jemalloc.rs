//! A program that contains another allocator than the one its blocks come from: the figures are those of the latter,
//! and no block is shown to the former.
#![cfg(all(feature = "profile", target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;

use alloc_tracer::AllocTracer;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

#[test]
fn the_figures_are_those_of_the_allocator_that_the_blocks_come_from() {
    let layout = Layout::new::<[u8; 100_000]>();
    // SAFETY: the layout has a size, and the block goes back with it.
    unsafe { Jemalloc.dealloc(black_box(Jemalloc.alloc(layout)), layout) };
    let memory = alloc_tracer::process_memory().unwrap();
    assert_eq!(memory.allocator.map(|allocator| allocator.name), Some("glibc"));
    assert_eq!(memory.c_library, None);
    assert_eq!(alloc_tracer::release_free_memory().allocator, Some("glibc"));
}
