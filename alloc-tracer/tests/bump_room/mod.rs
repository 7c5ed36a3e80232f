//! Room for an inner allocator that a signal may interrupt anywhere: a large mapping, handed out from its
//! front and never taken back, by atomics alone.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const BYTES: usize = 1 << 36;

/// The address of `bytes` bytes that nobody else has.
pub(crate) fn take(bytes: usize) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let start = base() + NEXT.fetch_add(bytes, Relaxed);
    assert!(start + bytes < base() + BYTES);
    start
}

fn base() -> usize {
    static BASE: AtomicUsize = AtomicUsize::new(0);
    let base = BASE.load(Relaxed);
    if base != 0 {
        return base;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let mapped = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, 3, flags, -1, 0) } as usize;
    BASE.compare_exchange(0, mapped, Relaxed, Relaxed).map_or_else(|first| first, |_| mapped)
}
