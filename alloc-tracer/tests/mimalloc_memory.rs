//! Around mimalloc, the process's memory adds up, and what is free can be given back.
#![cfg(all(feature = "profile", target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

use alloc_tracer::AllocTracer;

mod process_memory;

#[global_allocator]
static ALLOC: AllocTracer<mimalloc::MiMalloc> = AllocTracer::new(mimalloc::MiMalloc);

#[test]
fn the_memory_of_a_process_around_mimalloc_adds_up() {
    let memory = process_memory::sum().0;
    let allocator = memory.allocator.expect("mimalloc tells its figures");
    assert_eq!(allocator.name, "mimalloc");
    assert!(allocator.from_system_bytes >= memory.live_bytes);
    // It was built without the statistics.
    assert_eq!(allocator.in_use_bytes, None);
    assert_eq!(memory.c_library.unwrap().name, "glibc");
    process_memory::the_allocator_is_known_while_threads_allocate("mimalloc");
    process_memory::the_kernel_says_the_same();
    process_memory::what_was_never_written_is_live_and_absent();
    process_memory::what_no_allocator_knows_of_is_unexplained();
    process_memory::a_deep_stack_is_a_stack();
    process_memory::what_is_free_can_be_given_back("mimalloc");
}
