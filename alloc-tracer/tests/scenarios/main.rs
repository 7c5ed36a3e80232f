//! What programs do that an allocator may not survive, one module a kind of trouble. Every scenario
//! runs in a process of its own under a watchdog, once in each of the tracer's modes.
#![cfg(feature = "profile")]

mod blocks_of_c;
mod callbacks;
#[path = "../child_process/mod.rs"]
mod child_process;
mod chroot;
mod descriptors;
mod filter;
mod forks;
mod odd_layouts;
mod panics;
mod recursion;
mod refused_memory;
mod scenario;
mod small_stacks;
mod stopped_threads;
mod system_calls;
mod untouched;
mod wild_frames;

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();
