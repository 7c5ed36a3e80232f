//! What the inner allocator says of itself, and how it is told to give free memory back. The program
//! declares nothing: which allocator it is, is asked with a block of its own. Broken by:
//! `tests/process_memory/`.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
#[path = "no_glibc.rs"]
mod glibc;
mod jemalloc;
mod mimalloc;
mod optional_symbol;

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use core::time::Duration;

use super::own_thread;
use super::std::alloc::{Layout, alloc, dealloc};
use super::std::prelude::rust_2024::*;
use super::std::sync::mpsc;
use super::std::thread;
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

/// What the allocators of a process say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// Of the one inside the tracer, where it is known.
    pub(crate) inner: Option<AllocatorMemory>,
    /// Of the C library's own, where that is known to be another one.
    pub(crate) c_library: Option<AllocatorMemory>,
}

impl Figures {
    /// Asks them, which takes their locks: it waits for every thread that holds one.
    pub(crate) fn now() -> Figures {
        let _guard = Untracked::enter();
        let Some(inner) = Allocator::inner() else { return Figures::default() };
        let c_library = Allocator::of_c_library().filter(|c_library| *c_library != inner);
        Figures { inner: inner.memory(), c_library: c_library.and_then(Allocator::memory) }
    }

    /// The same from another thread, which is left behind if it does not answer in time: a thread that was
    /// stopped for ever may hold a lock. At the process's end it must not end: where the first thread has ended
    /// before, the C library takes a thread that ends for the last one and ends the process in the middle of this.
    pub(crate) fn within(time: Duration, at_exit: bool) -> Figures {
        let (answer, answers) = mpsc::channel();
        let ask = move || {
            // Nobody may be waiting any more.
            let _ = answer.send(Figures::now());
            if at_exit {
                loop {
                    thread::park();
                }
            }
        };
        match own_thread::start(ask) {
            Ok(()) => answers.recv_timeout(time).unwrap_or_default(),
            Err(_) => Figures::default(),
        }
    }
}

/// The allocators whose figures can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Allocator {
    Glibc = 1,
    Jemalloc,
    Mimalloc,
}

impl Allocator {
    /// The one that the program's global allocator hands blocks on from; `None` if it is another one. It never
    /// changes, so it is looked for once.
    pub(crate) fn inner() -> Option<Allocator> {
        static FOUND: AtomicU8 = AtomicU8::new(0);
        let known = [Allocator::Glibc, Allocator::Jemalloc, Allocator::Mimalloc];
        if let Some(found) = known.into_iter().find(|known| *known as u8 == FOUND.load(Relaxed)) {
            return Some(found);
        }
        let found = Allocator::of_a_block()?;
        FOUND.store(found as u8, Relaxed);
        Some(found)
    }

    fn of_a_block() -> Option<Allocator> {
        let layout = Layout::new::<[u64; 8]>();
        let jemallocs_before = jemalloc::allocated_by_this_thread();
        // SAFETY: the layout has a size.
        let block = NonNull::new(unsafe { alloc(layout) })?;
        let jemallocs = jemalloc::allocated_by_this_thread();
        let is_jemallocs = jemallocs_before.zip(jemallocs).is_some_and(|(before, now)| now > before);
        let is_mimallocs = mimalloc::owns(block);
        // SAFETY: the block was allocated above with this layout.
        unsafe { dealloc(block.as_ptr(), layout) };
        match (is_mimallocs, is_jemallocs) {
            (true, _) => Some(Allocator::Mimalloc),
            (_, true) => Some(Allocator::Jemalloc),
            _ => glibc::may_be_inner().then_some(Allocator::Glibc),
        }
    }

    /// The C library's own, which C code uses whatever the program's allocator is.
    pub(crate) fn of_c_library() -> Option<Allocator> {
        cfg!(all(target_os = "linux", target_env = "gnu")).then_some(Allocator::Glibc)
    }

    /// Its own figures.
    pub(crate) fn memory(self) -> Option<AllocatorMemory> {
        match self {
            Allocator::Glibc => glibc::memory(),
            Allocator::Jemalloc => jemalloc::memory(),
            Allocator::Mimalloc => mimalloc::memory(),
        }
    }

    /// Gives what is free back to the system, as far as it can.
    pub(crate) fn release(self) {
        match self {
            Allocator::Glibc => glibc::release(),
            Allocator::Jemalloc => jemalloc::release(),
            Allocator::Mimalloc => mimalloc::release(),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Allocator::Glibc => glibc::NAME,
            Allocator::Jemalloc => jemalloc::NAME,
            Allocator::Mimalloc => mimalloc::NAME,
        }
    }
}
