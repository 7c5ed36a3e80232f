//! The tracer's own memory: zeroed pages straight from the system, counted, under a cap, and never
//! given back. Broken by: `tests/own_memory_cap.rs`.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[cfg(feature = "profile")]
use super::noted_pages;
pub(crate) use super::part::Part;

static MAPPED_BYTES: AtomicU64 = AtomicU64::new(0);
static MAPPED_BY_PART: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
static CAP_BYTES: AtomicU64 = AtomicU64::new(u64::MAX);
static REFUSALS: AtomicU64 = AtomicU64::new(0);

/// Zeroed memory for ever, aligned to a page; `None` if the cap or the system refuses, which is
/// counted. The pages take up memory only where they are written.
pub(crate) fn map(bytes: usize, part: Part) -> Option<NonNull<u8>> {
    let cap = CAP_BYTES.load(Relaxed);
    let grown = |mapped: u64| mapped.checked_add(bytes as u64).filter(|total| *total <= cap);
    if MAPPED_BYTES.fetch_update(Relaxed, Relaxed, grown).is_ok() {
        if let Some(pages) = map_uncounted(bytes) {
            of_part(part).fetch_add(bytes as u64, Relaxed);
            #[cfg(feature = "profile")]
            noted_pages::note(pages, bytes);
            return Some(pages);
        }
        MAPPED_BYTES.fetch_sub(bytes as u64, Relaxed);
    }
    REFUSALS.fetch_add(1, Relaxed);
    None
}

/// Gives back pages that [`map`] returned and that nobody has seen.
///
/// # Safety
/// - `pages`, `bytes` and `part` come from one successful call of [`map`].
/// - No reference or pointer into the pages is used afterwards.
pub(crate) unsafe fn unmap(pages: NonNull<u8>, bytes: usize, part: Part) {
    // First: afterwards another thread may note a mapping at this address.
    #[cfg(feature = "profile")]
    noted_pages::strike(pages);
    // SAFETY: the range is one whole mapping (first point), and nobody uses it (second point).
    unsafe { libc::munmap(pages.as_ptr().cast(), bytes) };
    MAPPED_BYTES.fetch_sub(bytes as u64, Relaxed);
    of_part(part).fetch_sub(bytes as u64, Relaxed);
}

/// Whether a byte of this process can be read; asks the kernel, which answers without a signal.
/// `false` where the question is not allowed.
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
pub(crate) fn is_readable(address: usize) -> bool {
    let mut byte = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: ptr::without_provenance_mut(address), iov_len: 1 };
    // SAFETY: errno is this thread's own; the call writes at most one byte, to `byte`, and reports an
    // address that cannot be read instead of touching it.
    unsafe {
        let errno = *libc::__errno_location();
        let read = libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0);
        *libc::__errno_location() = errno;
        read == 1
    }
}

/// Bytes of address space that the tracer holds. Pages that were never written are included.
pub(crate) fn mapped_bytes() -> u64 {
    MAPPED_BYTES.load(Relaxed)
}

/// As [`mapped_bytes`], of one part.
pub(crate) fn mapped_bytes_of(part: Part) -> u64 {
    of_part(part).load(Relaxed)
}

fn of_part(part: Part) -> &'static AtomicU64 {
    let [call_tree, site_values, live_table, threads, unwind_rules] = &MAPPED_BY_PART;
    match part {
        Part::CallTree => call_tree,
        Part::SiteValues => site_values,
        Part::LiveTable => live_table,
        Part::Threads => threads,
        Part::UnwindRules => unwind_rules,
    }
}

/// How often memory was refused, by the cap or by the system.
pub(crate) fn refusals() -> u64 {
    REFUSALS.load(Relaxed)
}

/// Sets the most that [`mapped_bytes`] may reach. What is mapped already stays.
#[cfg(feature = "profile")]
pub(crate) fn set_cap(bytes: u64) {
    CAP_BYTES.store(bytes, Relaxed);
}

fn map_uncounted(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: `__errno_location` returns this thread's errno, which is valid while the thread runs.
    let errno = unsafe { &mut *libc::__errno_location() };
    let before = *errno;
    // Miri knows no reservations.
    let reserve = if cfg!(miri) { 0 } else { libc::MAP_NORESERVE };
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | reserve);
    // SAFETY: a new anonymous mapping at an address that the kernel chooses changes no other memory.
    let pages = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    *errno = before;
    if pages == libc::MAP_FAILED { None } else { NonNull::new(pages.cast()) }
}
