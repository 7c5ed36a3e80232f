//! Around jemalloc, the process's memory adds up, and what is free can be given back.
#![cfg(all(feature = "profile", target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

use alloc_tracer::AllocTracer;

mod process_memory;

#[global_allocator]
static ALLOC: AllocTracer<tikv_jemallocator::Jemalloc> = AllocTracer::new(tikv_jemallocator::Jemalloc);

#[test]
fn the_memory_of_a_process_around_jemalloc_adds_up() {
    let memory = process_memory::sum().0;
    let allocator = memory.allocator.expect("jemalloc tells its figures");
    assert_eq!(allocator.name, "jemalloc");
    let (in_use, free) = (allocator.in_use_bytes.unwrap(), allocator.free_bytes.unwrap());
    assert_eq!(allocator.from_system_bytes, in_use + free);
    assert!(in_use >= memory.live_bytes && allocator.returned_bytes.is_some());
    assert_eq!(memory.c_library.unwrap().name, "glibc");
    process_memory::the_allocator_is_known_while_threads_allocate("jemalloc");
    process_memory::the_kernel_says_the_same();
    process_memory::what_was_never_written_is_live_and_absent();
    process_memory::what_no_allocator_knows_of_is_unexplained();
    process_memory::a_deep_stack_is_a_stack();
    process_memory::what_is_free_can_be_given_back("jemalloc");
}
