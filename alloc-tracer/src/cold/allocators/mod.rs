//! What the inner allocator says of itself, and how it is told to give free memory back. The program
//! declares nothing: which allocator it is, is asked with a block of its own. Broken by:
//! `tests/process_memory/`.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc;
mod jemalloc;
mod mimalloc;
mod optional_symbol;

use core::ptr::NonNull;

use super::std::alloc::{Layout, alloc, dealloc};
use crate::hot::guard::Untracked;

/// An allocator's own figures, in bytes. A figure that it does not give is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllocatorMemory {
    /// `glibc`, `jemalloc` or `mimalloc`.
    pub name: &'static str,
    /// Address space that it has from the system and that may be written.
    pub from_system_bytes: u64,
    /// In blocks that were handed out, with what it adds to each. glibc counts its caches of each thread here,
    /// because to its heap they are handed out.
    pub in_use_bytes: Option<u64>,
    /// From the system and not in use.
    pub free_bytes: Option<u64>,
    /// Address space that it keeps and whose pages it has given back to the system; not a part of
    /// `from_system_bytes`.
    pub returned_bytes: Option<u64>,
}

/// The allocators whose figures can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allocator {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    Glibc,
    Jemalloc,
    Mimalloc,
}

impl Allocator {
    /// The one that the program's global allocator hands blocks on from; `None` if it is another one.
    pub(crate) fn inner() -> Option<Allocator> {
        let _guard = Untracked::enter();
        let layout = Layout::new::<[u64; 8]>();
        // SAFETY: the layout has a size.
        let block = NonNull::new(unsafe { alloc(layout) })?;
        let owner = Allocator::of(block);
        // SAFETY: the block was allocated above with this layout.
        unsafe { dealloc(block.as_ptr(), layout) };
        owner
    }

    fn of(block: NonNull<u8>) -> Option<Allocator> {
        if mimalloc::owns(block) {
            return Some(Allocator::Mimalloc);
        }
        if jemalloc::owns(block) {
            return Some(Allocator::Jemalloc);
        }
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if glibc::owns(block) {
            return Some(Allocator::Glibc);
        }
        None
    }

    /// The C library's own, which C code uses whatever the program's allocator is.
    pub(crate) fn of_c_library() -> Option<Allocator> {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        return Some(Allocator::Glibc);
        #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
        None
    }

    /// Its own figures.
    pub(crate) fn memory(self) -> Option<AllocatorMemory> {
        match self {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            Allocator::Glibc => glibc::memory(),
            Allocator::Jemalloc => jemalloc::memory(),
            Allocator::Mimalloc => mimalloc::memory(),
        }
    }

    /// Gives what is free back to the system, as far as it can.
    pub(crate) fn release(self) {
        match self {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            Allocator::Glibc => glibc::release(),
            Allocator::Jemalloc => jemalloc::release(),
            Allocator::Mimalloc => mimalloc::release(),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            Allocator::Glibc => glibc::NAME,
            Allocator::Jemalloc => jemalloc::NAME,
            Allocator::Mimalloc => mimalloc::NAME,
        }
    }
}
