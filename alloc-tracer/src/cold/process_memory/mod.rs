//! What the process takes from the system's point of view, beside what it asked for: resident memory by origin,
//! and the inner allocator's own figures. Broken by: `tests/process_memory/`.

mod mappings;
mod ranges;
mod reconciliation;
mod release;
mod status;

use core::time::Duration;

use super::allocators::{AllocatorMemory, Figures};
use super::stats::stats;
use super::std::prelude::rust_2024::*;
use super::std::{format, io};
use crate::hot::all_threads;
use crate::hot::guard::Untracked;
use crate::sys::noted_pages;
use mappings::{Mapping, Origin};
use ranges::Ranges;
pub use reconciliation::Reconciliation;
pub use release::{Released, release_free_memory};
use status::Status;

/// The memory of the process at a moment, in bytes. The kernel tells whole KiB of each mapping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessMemory {
    /// In memory: RSS. `resident_bytes = heap_bytes + tracer_bytes + stack_bytes + file_bytes`.
    pub resident_bytes: u64,
    /// The same with each page divided by the number of processes that share it: PSS.
    pub proportional_bytes: u64,
    /// Moved out to swap, and not in memory.
    pub swapped_bytes: u64,
    /// The most that was ever in memory, which the kernel knows to within some hundred KiB.
    pub peak_resident_bytes: u64,
    /// In memory and in no file: must be kept or swapped.
    pub anonymous_bytes: u64,
    /// In memory, for allocators and all else that has no file, stack or tracer behind it.
    pub heap_bytes: u64,
    /// In memory, of the stacks of the first thread and of all threads that have allocated and still run.
    pub stack_bytes: u64,
    /// In memory, of the tracer's own pages.
    pub tracer_bytes: u64,
    /// In memory, of the program's file, libraries, mapped files and shared memory.
    pub file_bytes: u64,
    /// Bytes asked for and not freed, as [`stats`](crate::stats) counts them; 0 where the tracer is not the
    /// global allocator.
    pub live_bytes: u64,
    /// The figures of the allocator inside the tracer, where they can be read: glibc's from 2.33 on in dynamically
    /// linked programs, jemalloc's and mimalloc's on x86-64.
    pub allocator: Option<AllocatorMemory>,
    /// The figures of the C library's own allocator, where it is not the one inside the tracer: C code uses it.
    pub c_library: Option<AllocatorMemory>,
    /// Bytes of the main heap that are not in memory.
    absent_heap_bytes: u64,
}

/// The memory of the process now. Reads `/proc` and asks the allocators, which takes some milliseconds for each
/// hundred MiB in memory, and their locks: glibc walks all its free blocks, and other threads wait meanwhile. Not for
/// signal handlers, and not while threads are stopped that may hold such a lock.
///
/// ```
/// # use alloc_tracer::AllocTracer;
/// # #[global_allocator]
/// # static ALLOC: AllocTracer = AllocTracer::system();
/// # fn main() -> std::io::Result<()> {
/// let kept = vec![1_u8; 10 << 20];
/// let memory = alloc_tracer::process_memory()?;
/// assert!(memory.resident_bytes > 10 << 20);
/// println!("{}", memory.reconciliation());
/// // RSS 12.6 MiB = 10.0 MiB live + 70.1 KiB slack + 120.0 KiB free in glibc + ... + 20.0 KiB unexplained
/// # drop(kept);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Where `/proc/thread-self/smaps` or `status` cannot be read; the error names the file.
pub fn process_memory() -> io::Result<ProcessMemory> {
    ProcessMemory::read(Figures::now)
}

/// As [`process_memory`], for when it must never wait for long: the allocators' figures are missing where
/// another thread keeps one of them locked.
pub(crate) fn process_memory_in_time(at_exit: bool) -> io::Result<ProcessMemory> {
    const LONG_ENOUGH: Duration = Duration::from_secs(1);
    let has_other_threads = Status::read()?.threads != 1;
    ProcessMemory::read(|| {
        if has_other_threads { Figures::within(LONG_ENOUGH, at_exit) } else { Figures::now() }
    })
}

impl ProcessMemory {
    fn read(figures: impl FnOnce() -> Figures) -> io::Result<ProcessMemory> {
        let _guard = Untracked::enter();
        let Figures { inner, c_library } = figures();
        let tracer = Ranges::new(noted_pages::ranges());
        let stacks = Ranges::new(all_threads::stack_ranges());
        let live_bytes = stats().live_bytes;
        let mut memory =
            ProcessMemory { live_bytes, allocator: inner, c_library, ..ProcessMemory::default() };
        mappings::each(|mapping| memory.add(mapping, &tracer, &stacks))?;
        memory.peak_resident_bytes = Status::read()?.peak_resident_bytes.max(memory.resident_bytes);
        Ok(memory)
    }

    fn add(&mut self, mapping: &Mapping, tracer: &Ranges, stacks: &Ranges) {
        let resident_bytes = mapping.resident_bytes;
        self.resident_bytes += resident_bytes;
        self.proportional_bytes += mapping.proportional_bytes;
        self.swapped_bytes += mapping.swapped_bytes;
        self.anonymous_bytes += mapping.anonymous_bytes;
        match mapping.origin {
            Origin::Stack => self.stack_bytes += resident_bytes,
            Origin::Named => self.file_bytes += resident_bytes,
            Origin::Heap => {
                self.heap_bytes += resident_bytes;
                self.absent_heap_bytes += (mapping.range.len() as u64).saturating_sub(resident_bytes);
            }
            Origin::Anonymous => {
                let of_tracer = tracer.resident_bytes_of(&mapping.range, resident_bytes);
                let of_stacks =
                    stacks.resident_bytes_of(&mapping.range, resident_bytes).min(resident_bytes - of_tracer);
                self.tracer_bytes += of_tracer;
                self.stack_bytes += of_stacks;
                self.heap_bytes += resident_bytes - of_tracer - of_stacks;
            }
        }
    }
}

fn reading(file: &str, error: &io::Error) -> String {
    format!("cannot read {file}: {error}")
}
