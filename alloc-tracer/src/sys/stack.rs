//! Where the calling thread's stack ends. Broken by: `tests/threads.rs`, `hot/unwind` tests.

use super::process;

/// The first address above the calling thread's stack, or 0 if unknown. No word of a frame of this
/// thread lies at or above it.
///
/// The first thread's stack ends where the C library says (`__libc_stack_end`) or, where that does
/// not exist, at the process's environment, which the kernel put above the first frame. In every
/// other thread the C library keeps its control block, at which the thread pointer points, above
/// the stack (glibc `nptl/allocatestack.c`, musl `src/thread/pthread_create.c`).
pub(crate) fn top() -> usize {
    if process::is_main_thread() { main_top() } else { thread_pointer() }
}

#[cfg(all(target_env = "gnu", not(target_feature = "crt-static")))]
fn main_top() -> usize {
    unsafe extern "C" {
        static __libc_stack_end: usize;
    }
    // SAFETY: glibc exports this word and sets it before the program starts; it is never changed.
    let end = unsafe { (&raw const __libc_stack_end).read() };
    // The word names the argument count, above which lie argv and the environment: no frames.
    end.wrapping_add(size_of::<usize>())
}

#[cfg(not(all(target_env = "gnu", not(target_feature = "crt-static"))))]
fn main_top() -> usize {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    // SAFETY: every C library defines `environ`; the word itself is read, not what it points to.
    // A program that replaced its environment has moved it to the heap: then the bound is only
    // wrong for the first thread, and the unwind tables still end the walk.
    unsafe { (&raw const environ).read() as usize }
}

#[cfg(target_arch = "x86_64")]
fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: on x86-64 the word at fs:0 is the thread pointer itself (System V ABI, variant II of
    // thread-local storage); reading it has no effect.
    unsafe {
        core::arch::asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly));
    }
    pointer
}

#[cfg(not(target_arch = "x86_64"))]
fn thread_pointer() -> usize {
    0
}
