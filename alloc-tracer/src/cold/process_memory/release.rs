//! Giving free memory back to the system. Broken by: `tests/process_memory/`.

use super::mappings;
use crate::cold::allocators::Allocator;
use crate::hot::guard::Untracked;

/// What [`release_free_memory`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Released {
    /// The allocator inside the tracer; `None` if it is none that can be told to release.
    pub allocator: Option<&'static str>,
    /// RSS before, in bytes; `None` where `/proc` cannot be read.
    pub resident_bytes_before: Option<u64>,
    /// RSS after, in bytes.
    pub resident_bytes_after: Option<u64>,
}

/// Tells the inner allocator, and the C library's, to give what is free back to the system: glibc's
/// `malloc_trim(0)`, jemalloc's `arena.<all>.purge` after a flush of this thread's cache, mimalloc's
/// `mi_collect(true)`.
///
/// Only pages without a single live block can go, and the next allocations must get them anew, so it is of use
/// after a peak and not every second. glibc walks all its free blocks under its locks, and other threads wait meanwhile.
///
/// ```
/// # use alloc_tracer::AllocTracer;
/// # #[global_allocator]
/// # static ALLOC: AllocTracer = AllocTracer::system();
/// let released = alloc_tracer::release_free_memory();
/// if let (Some(before), Some(after)) = (released.resident_bytes_before, released.resident_bytes_after) {
///     println!("{before} bytes in memory before, {after} after");
/// }
/// ```
pub fn release_free_memory() -> Released {
    let _guard = Untracked::enter();
    let inner = Allocator::inner();
    let resident_bytes_before = resident_bytes();
    if let Some(allocator) = inner {
        allocator.release();
    }
    if let Some(c_library) = Allocator::of_c_library().filter(|c| Some(*c) != inner) {
        c_library.release();
    }
    Released {
        allocator: inner.map(Allocator::name),
        resident_bytes_before,
        resident_bytes_after: resident_bytes(),
    }
}

/// RSS as the sum over all mappings: the kernel's faster figures lag by what each processor has counted and not
/// yet told.
fn resident_bytes() -> Option<u64> {
    let mut bytes = 0;
    mappings::each(|mapping| bytes += mapping.resident_bytes).ok()?;
    Some(bytes)
}
