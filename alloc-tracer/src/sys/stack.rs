//! Where the calling thread's stack lies. Broken by: `tests/threads.rs`, `hot/unwind` tests.

#![cfg_attr(
    any(not(target_arch = "x86_64"), feature = "plain-unwind"),
    allow(dead_code, reason = "the platform's unwinder knows the end of a stack itself")
)]

use super::process;

/// The calling thread's stack: from the lowest address it may grow down to, up to the first address
/// above it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) low: usize,
    pub(crate) top: usize,
}

/// The most that a first thread's stack is taken to be, where the system sets no limit: what lies
/// further down may be somebody else's mapping.
const UNLIMITED_BYTES: usize = 64 << 20;

impl Bounds {
    /// Whether this is the thread's own stack.
    #[inline(always)]
    pub(crate) fn contain(&self, stack_pointer: usize) -> bool {
        (self.low..self.top).contains(&stack_pointer)
    }
}

/// The bounds of the calling thread's stack. Once per thread: asks the C library and the kernel, and
/// may take a lock that belongs to this thread alone.
pub(crate) fn bounds() -> Bounds {
    if process::is_main_thread() {
        main_bounds()
    } else {
        thread_bounds().unwrap_or(Bounds { low: 0, top: 0 })
    }
}

/// The low end of the signal stack that the calling thread runs on, if it runs on one.
pub(crate) fn alternate_low() -> Option<usize> {
    // SAFETY: errno is this thread's own. Zeroes are a valid `stack_t`; the call changes nothing but it.
    unsafe {
        let errno = *libc::__errno_location();
        let mut alternate: libc::stack_t = core::mem::zeroed();
        let is_known = libc::sigaltstack(core::ptr::null(), &raw mut alternate) == 0;
        *libc::__errno_location() = errno;
        (is_known && alternate.ss_flags & libc::SS_ONSTACK != 0).then(|| alternate.ss_sp.addr())
    }
}

fn thread_bounds() -> Option<Bounds> {
    // SAFETY: errno is this thread's own. The attributes are written by `pthread_getattr_np` before
    // they are read and destroyed; the thread is the calling one.
    unsafe {
        let errno = *libc::__errno_location();
        let mut attributes = core::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            *libc::__errno_location() = errno;
            return None;
        }
        let (mut low, mut bytes) = (core::ptr::null_mut(), 0);
        let found = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut bytes) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        *libc::__errno_location() = errno;
        found.then(|| Bounds { low: low.addr(), top: low.addr().wrapping_add(bytes) })
    }
}

/// The kernel keeps other mappings as far away from the first thread's stack as the limit says
/// (`mmap_base` in arch/x86/mm/mmap.c).
fn main_bounds() -> Bounds {
    let top = main_top();
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the write.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) } == 0;
    let bytes = match limit.rlim_cur {
        libc::RLIM_INFINITY => UNLIMITED_BYTES,
        _ if !known => UNLIMITED_BYTES,
        bytes => bytes as usize,
    };
    Bounds { low: top.saturating_sub(bytes), top }
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
