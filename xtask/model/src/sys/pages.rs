//! Pages for a model: one mapping per thread of the system, handed out from its start in each execution, so
//! that what an execution makes has the address that it had in the one before. Nobody writes them while an
//! execution runs, see `words.rs`; so they are zero at the start of each.

use core::cell::Cell;
use core::ptr::{self, NonNull};

use super::words;

pub(crate) use super::part::Part;

const BYTES: usize = 1 << 30;
const PAGE_BYTES: usize = 4096;

thread_local! {
    static START: Cell<Option<NonNull<u8>>> = const { Cell::new(None) };
    static USED: Cell<usize> = const { Cell::new(0) };
    static KEPT: Cell<usize> = const { Cell::new(0) };
}

/// Zeroed memory until the execution ends, or for ever if none runs.
pub(crate) fn map(bytes: usize, _part: Part) -> Option<NonNull<u8>> {
    let start = START.get().or_else(reserve)?;
    START.set(Some(start));
    let used = USED.get();
    let next = used + bytes.next_multiple_of(PAGE_BYTES);
    if next > BYTES {
        return None;
    }
    USED.set(next);
    if !words::is_running() {
        KEPT.set(next);
    }
    // SAFETY: `used` is below `BYTES`, which the mapping has.
    Some(unsafe { start.add(used) })
}

/// Takes back what the execution before this one mapped.
pub(crate) fn begin_execution() {
    USED.set(KEPT.get());
}

/// Gives back pages that nobody has seen. The model keeps them: their address must not come again.
///
/// # Safety
/// As for the tracer's own.
pub(crate) unsafe fn unmap(_pages: NonNull<u8>, _bytes: usize, _part: Part) {}

pub(crate) fn is_readable(_address: usize) -> bool {
    false
}

fn reserve() -> Option<NonNull<u8>> {
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: a new anonymous mapping at an address that the kernel chooses changes no other memory.
    let pages = unsafe { libc::mmap(ptr::null_mut(), BYTES, protection, flags, -1, 0) };
    if pages == libc::MAP_FAILED { None } else { NonNull::new(pages.cast()) }
}
