//! The four methods of `GlobalAlloc`: the inner allocator's call, and the recorder before or after
//! it. May name `hot::recorder` and the inner allocator, nothing else. Broken by: every test.

use core::alloc::{GlobalAlloc, Layout};

use crate::hot::mode::Mode;
use crate::hot::recorder;
use crate::hot::start::Settings;
use crate::inner::System;

/// A global allocator that passes every call on to `A` and records which call stack asked for the
/// memory.
///
/// ```
/// use alloc_tracer::AllocTracer;
///
/// #[global_allocator]
/// static ALLOC: AllocTracer = AllocTracer::system();
///
/// let kept = vec![0_u8; 1 << 20];
/// assert!(alloc_tracer::stats().live_bytes >= 1 << 20);
/// # drop(kept);
/// ```
///
/// Around another allocator, recording every allocation:
///
/// ```
/// use alloc_tracer::AllocTracer;
/// # use std::alloc::{GlobalAlloc, Layout, System};
/// # struct MiMalloc;
/// # unsafe impl GlobalAlloc for MiMalloc {
/// #     unsafe fn alloc(&self, layout: Layout) -> *mut u8 { unsafe { System.alloc(layout) } }
/// #     unsafe fn dealloc(&self, p: *mut u8, layout: Layout) { unsafe { System.dealloc(p, layout) } }
/// # }
///
/// #[global_allocator]
/// static ALLOC: AllocTracer<MiMalloc> = AllocTracer::new(MiMalloc).exact();
/// # let _used = vec![0_u8; 10];
/// ```
///
/// The environment variable `ALLOC_TRACER` overrides what the source asks for; see the
/// [crate's documentation](crate).
///
/// The pointers are the inner allocator's own: no header, nothing added to the size.
#[derive(Debug)]
pub struct AllocTracer<A = System> {
    inner: A,
    settings: Settings,
}

impl AllocTracer<System> {
    /// Around the system's allocator, sampled once per 512 KiB.
    pub const fn system() -> Self {
        AllocTracer::new(System)
    }
}

impl<A> AllocTracer<A> {
    /// Around any allocator, sampled once per 512 KiB.
    pub const fn new(inner: A) -> Self {
        AllocTracer { inner, settings: Settings { mode: Mode::DEFAULT } }
    }

    /// Records every allocation.
    #[must_use]
    pub const fn exact(mut self) -> Self {
        self.settings.mode = Mode::Exact;
        self
    }

    /// Samples one allocation per `interval_bytes` on average; 0 counts as 1.
    #[must_use]
    pub const fn sampled(mut self, interval_bytes: u64) -> Self {
        self.settings.mode = Mode::Sampled { interval_bytes };
        self
    }

    /// Counts, and records no call stacks.
    #[must_use]
    pub const fn off(mut self) -> Self {
        self.settings.mode = Mode::Off;
        self
    }

    /// The allocator that does the work.
    pub const fn inner(&self) -> &A {
        &self.inner
    }
}

// SAFETY: every method returns what the inner allocator returned for the same arguments, and calls
// it exactly once; the recorder neither unwinds nor touches the blocks.
unsafe impl<A: GlobalAlloc> GlobalAlloc for AllocTracer<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps GlobalAlloc's contract, which is the inner allocator's as well.
        let block = unsafe { self.inner.alloc(layout) };
        if !block.is_null() {
            recorder::allocated(&self.settings, block.addr(), layout.size());
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if !block.is_null() {
            recorder::allocated(&self.settings, block.addr(), layout.size());
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        recorder::freed(&self.settings, block.addr(), layout.size());
        // SAFETY: as in `alloc`; the block came from the inner allocator.
        unsafe { self.inner.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let entry = recorder::forget(block.addr());
        // SAFETY: as in `alloc`; the block came from the inner allocator.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if moved.is_null() {
            recorder::put_back(entry);
        } else {
            recorder::reallocated(&self.settings, layout.size(), moved.addr(), new_size);
        }
        moved
    }
}
