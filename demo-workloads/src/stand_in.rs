//! TEMPORARY stand-in until the engine lands.
use std::alloc::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
pub(crate) struct AllocTracer;
static LIVE: AtomicU64 = AtomicU64::new(0);
pub(crate) struct Stats {
    pub(crate) live_bytes: u64,
}
pub(crate) fn stats() -> Stats {
    Stats { live_bytes: LIVE.load(Relaxed) }
}
impl AllocTracer {
    pub(crate) const fn system() -> Self {
        AllocTracer
    }
}
// SAFETY: forwards.
unsafe impl GlobalAlloc for AllocTracer {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 {
        LIVE.fetch_add(l.size() as u64, Relaxed);
        // SAFETY: forwarded.
        unsafe { System.alloc(l) }
    }
    unsafe fn dealloc(&self, p: *mut u8, l: Layout) {
        LIVE.fetch_sub(l.size() as u64, Relaxed);
        // SAFETY: forwarded.
        unsafe { System.dealloc(p, l) }
    }
}
