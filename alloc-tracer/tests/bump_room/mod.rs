//! An inner allocator that a signal may interrupt anywhere: a large mapping, handed out from its
//! front and never taken back, by atomics alone.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

const BYTES: usize = 1 << 36;

/// Takes memory from the front of a large mapping, for ever, and so is fit for signal handlers. It writes each
/// block's layout in front of it and counts frees that name another one.
pub(crate) struct Bump;

pub(crate) static WRONG_LAYOUTS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every block is a fresh part of the mapping, aligned as asked, with two words in front.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let room = layout.size() + layout.align() + 48;
        let start = take(room);
        let block = (start + 16).next_multiple_of(layout.align().max(16)) as *mut u8;
        // SAFETY: the words are inside this part of the mapping.
        unsafe {
            block.cast::<usize>().sub(1).write(layout.size());
            block.cast::<usize>().sub(2).write(layout.align());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `alloc` wrote the two words.
        let known = unsafe { (block.cast::<usize>().sub(1).read(), block.cast::<usize>().sub(2).read()) };
        if known != (layout.size(), layout.align()) {
            WRONG_LAYOUTS.fetch_add(1, Relaxed);
        }
    }
}

/// The address of `bytes` bytes that nobody else has.
fn take(bytes: usize) -> usize {
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
