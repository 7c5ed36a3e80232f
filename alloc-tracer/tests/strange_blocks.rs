//! Blocks and stacks that are not Rust's own way: freed by C, made by C, allocated on a stack that is
//! not the thread's. The program goes on, and only the ledger may be off.

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

fn main() {
    blocks_that_c_frees_do_not_grow_the_tracer();
    blocks_from_c_are_dropped_by_rust();
    a_handler_on_an_alternate_stack_keeps_the_frames_that_it_interrupted();
    a_stack_of_unknown_extent_is_walked_without_a_fault();
    println!("strange_blocks: ok");
}

fn blocks_that_c_frees_do_not_grow_the_tracer() {
    let mapped = || alloc_tracer::stats().tracer_mapped_bytes;
    let before = mapped();
    for round in 0..10_000_u64 {
        let block = Box::into_raw(Box::new([round; 8]));
        // SAFETY: with the system's allocator inside, the block came from `malloc`, and it is not used again.
        unsafe { libc::free(block.cast()) };
    }
    assert!(mapped() - before <= 1 << 20, "{} bytes for 10,000 blocks that C freed", mapped() - before);
}

fn blocks_from_c_are_dropped_by_rust() {
    for _ in 0..1000 {
        // SAFETY: `malloc` gives 64 bytes; the vector frees them through the system's allocator.
        let block = unsafe { Vec::from_raw_parts(libc::malloc(64).cast::<u8>(), 0, 64) };
        assert_eq!(block.capacity(), 64);
    }
}

extern "C" fn allocate_in_handler(_: libc::c_int) {
    std::mem::forget(std::hint::black_box(vec![1_u8; 7777]));
}

/// The signal is raised between allocations, so that the system's allocator is not interrupted.
fn a_handler_on_an_alternate_stack_keeps_the_frames_that_it_interrupted() {
    let mut stack = vec![0_u8; 64 << 10];
    // SAFETY: the stack outlives its use, the handler has the type that it is installed with, and zeroes
    // are a valid `sigaction`.
    unsafe {
        let alternate = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
        assert_eq!(libc::sigaltstack(&raw const alternate, std::ptr::null_mut()), 0);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = allocate_in_handler as extern "C" fn(i32) as usize;
        action.sa_flags = libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
        libc::raise(libc::SIGUSR1);
        let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        assert_eq!(libc::sigaltstack(&raw const none, std::ptr::null_mut()), 0);
    }
    let snapshot = alloc_tracer::snapshot();
    let site = snapshot.sites().find(|site| site.values.inuse_space.value == 7777.0).unwrap();
    assert_eq!((site.gap, snapshot.stats.stacks_lost), (None, 0), "{} frames", site.stack.len());
}

extern "C" fn allocate() {
    std::hint::black_box(vec![1_u8; 1000]);
}

/// A coroutine in its barest form: another stack, with a page above it that cannot be read.
fn a_stack_of_unknown_extent_is_walked_without_a_fault() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the mapping is this test's own; the stack pointer is put back before the block ends, and
    // `allocate` runs on 64 KiB of stack.
    unsafe {
        let bytes = 64 << 10;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let stack = libc::mmap(std::ptr::null_mut(), bytes + 4096, 3, flags, -1, 0);
        let top = stack.cast::<u8>().add(bytes);
        assert_eq!(libc::mprotect(top.cast(), 4096, libc::PROT_NONE), 0);
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {allocate}",
            "mov rsp, r12",
            top = in(reg) top,
            allocate = in(reg) allocate as *const (),
            out("r12") _,
            clobber_abi("C"),
        );
        libc::munmap(stack, bytes + 4096);
        assert_eq!(alloc_tracer::stats().stacks_lost, 1);
    }
}
