//! What programs do that an allocator may not survive, one module a kind of trouble. Every scenario
//! runs in a process of its own under a watchdog, once in each of the tracer's modes.

#[path = "../child_process/mod.rs"]
mod child_process;
mod chroot;
mod descriptors;
mod filter;
mod recursion;
mod refused_memory;
mod scenario;
mod system_calls;

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();
