//! Where the tracer's own mappings lie, for whoever asks how much of them is in memory. Lock-free.
//! Broken by: `tests/glibc_memory.rs`.

use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// The mappings, as far as they are noted. One that is unmapped meanwhile may be among them.
pub(crate) fn ranges() -> impl Iterator<Item = Range<usize>> {
    NOTED.iter().take(NEXT.load(Relaxed)).map(|noted| {
        let bytes = noted.bytes.load(Acquire);
        let start = noted.start.load(Relaxed);
        start..start.wrapping_add(bytes)
    })
}

/// A mapping; without bytes, none.
struct Noted {
    start: AtomicUsize,
    bytes: AtomicUsize,
}

/// Enough for 16,000 threads at once; what is mapped beyond that is counted and not noted.
const MOST: usize = 8192;

static NOTED: [Noted; MOST] =
    [const { Noted { start: AtomicUsize::new(0), bytes: AtomicUsize::new(0) } }; MOST];
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Notes a new mapping.
pub(super) fn note(pages: NonNull<u8>, bytes: usize) {
    if let Some(noted) = NOTED.get(NEXT.fetch_add(1, Relaxed)) {
        noted.start.store(pages.addr().get(), Relaxed);
        noted.bytes.store(bytes, Release);
    }
}

/// Forgets a mapping that was given back.
pub(super) fn strike(pages: NonNull<u8>) {
    let is_it = |noted: &&Noted| noted.start.load(Relaxed) == pages.addr().get();
    if let Some(noted) =
        NOTED.iter().take(NEXT.load(Relaxed)).filter(is_it).find(|noted| noted.bytes.load(Relaxed) != 0)
    {
        noted.bytes.store(0, Relaxed);
    }
}
