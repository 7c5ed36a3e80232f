//! A drop-in global allocator that knows which call stacks hold a Rust program's memory, exact or
//! sampled, and writes profiles that `go tool pprof`, speedscope and `alloc-flamegraph` read.
//!
//! # Two lines
//!
//! ```
//! #[global_allocator]
//! static ALLOC: alloc_tracer::AllocTracer = alloc_tracer::AllocTracer::system();
//! # let _used = vec![0_u8; 10];
//! ```
//!
//! With them the program samples one allocation per 512 KiB, and says nothing until it is asked: by
//! the environment, or by its own code.
//!
//! # By the environment
//!
//! `ALLOC_TRACER="mode=exact,out=heap-%p.pb.gz" my-service` writes a profile when the program exits,
//! and a short block on standard error: totals, peak, the three sites that hold most, where RSS is, the next command.
//!
//! | key | values | meaning |
//! |---|---|---|
//! | `mode` | `off`, `sampled`, `exact` | what is recorded; overrides the source |
//! | `interval` | `512k`, `2m`, ... | mean bytes between two samples; implies `mode=sampled` |
//! | `blocks` | `tagged`, `listed` | in exact mode: a tag behind each small block, or all blocks in one table, where they can be listed; slower, and 24 to 48 bytes more per block |
//! | `out` | a path; `%p` is the process id, `%n` counts profiles, `%%` is a percent sign | where the profile goes at exit |
//! | `symbols` | `yes`, `no` | `no` writes addresses and build ids only |
//! | `signal` | `usr1`, `usr2` | writes a profile to `out` whenever the signal comes, too |
//! | `max_memory` | `256m`, ... | the most address space that the tracer may map for itself |
//! | `check` | `stacks` | walks every stack twice and compares, to find faults of the tracer; slow |
//! | `seed` | a whole number | where the sampler's random numbers start |
//!
//! A mistake is one line on standard error, and the program runs on. A program that runs with raised
//! privileges ignores the variable. The file is whole or absent, readable by its owner only, and never
//! written through a link; a forked child does not write its parent's file. A second copy of the tracer in one
//! process, that of a plugin, writes to `NAME.2`. The file is written when the program returns from `main`,
//! panics there or calls `exit`; a program that ends by a signal, by `abort`, `_exit` or `quick_exit` leaves none.
//!
//! What is said goes to the standard error that the process was started with: where the program has put
//! another file in its place, nothing is said. No pipe that nobody reads and no limit on files ends the
//! program or changes its exit code on account of the tracer.
//!
//! # By the program
//!
//! ```
//! use alloc_tracer::{AllocTracer, Mode};
//!
//! #[global_allocator]
//! static ALLOC: AllocTracer = AllocTracer::system().exact();
//!
//! # #[cfg(not(feature = "profile"))]
//! # fn main() {}
//! # #[cfg(feature = "profile")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache: Vec<String> = (0..1000).map(|i| format!("entry {i}")).collect();
//!
//! // Totals that are exact in every mode, for a metric or a test.
//! let stats = alloc_tracer::stats();
//! assert!(stats.live_blocks >= 1000);
//!
//! // Who holds what, with names, files and lines.
//! let profile = alloc_tracer::snapshot().profile();
//! let held = profile.total(profile.column("inuse_space").unwrap());
//! assert!(held > 10_000);
//! # let directory = std::env::temp_dir().join(format!("alloc-tracer-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory)?;
//! # let path = directory.join("heap.pb.gz");
//! profile.write_pprof_file(&path)?;
//! # std::fs::remove_dir_all(&directory)?;
//!
//! // From here on, sample.
//! alloc_tracer::set_mode(Mode::Sampled { interval_bytes: 64 << 10 })?;
//! # drop(cache);
//! # Ok(())
//! # }
//! ```
//!
//! # Beside what was asked for
//!
//! A program's RSS is not its live bytes. [`process_memory`] reads what the system says and what the inner allocator
//! says of itself (glibc, jemalloc, mimalloc; which one it is, is found out), and
//! [`ProcessMemory::reconciliation`] brings both together in one sum, with the rest that nobody explains shown as
//! such; the report at exit has it, too. [`release_free_memory`] makes the allocator give back what is free.
//!
//! # Giving room back
//!
//! What a profile most often shows is a collection that keeps the room of its busiest hour. [`shrink`] holds a rule for
//! that, with a bounded cost. It needs neither the allocator nor any feature.
//!
//! # What the numbers mean
//!
//! In exact mode every number is exact. In sampled mode every number of a profile is an unbiased
//! estimate and carries its standard error ([`Estimate`]); a stack with only a handful of samples has
//! an error about as large as its estimate. [`stats`] is exact in all modes, but for the peak, which
//! has a stated bound. A reallocation is, in profiles, a free of the old size and an allocation of the
//! new size by the stack that reallocates, so `alloc_objects` sums to allocations + reallocations.
//!
//! # Where it runs
//!
//! Linux on x86-64 with glibc (musl is tested where its target is installed): stacks come from the unwind tables
//! that every Rust program has, so no compiler flag is needed. Line numbers and inlined frames need debug information:
//! `debug = "limited"` in the profile (with `"line-tables-only"` inlined functions lose their paths).
//! On other processors stacks are walked by the `backtrace` crate, which is far slower and may lock.
//!
//! # Features
//!
//! `profile` (default): names, pprof files, the environment variable, the report at exit and [`process_memory`]. Without
//! default features there is recording, [`stats`], [`snapshot`] and [`shrink`], and a handful of small crates.
#![no_std]

mod cold;
mod hook;
mod hot;
mod inner;
#[cfg(all(
    any(test, feature = "properties"),
    feature = "profile",
    target_arch = "x86_64",
    not(feature = "plain-unwind")
))]
#[doc(hidden)]
pub mod properties;
mod sys;

pub use cold::baseline::reset;
pub use cold::control::{TooManyIntervals, mode, set_mode, untracked};
pub use cold::estimate::Estimate;
pub use cold::modules::LoadedModule;
pub use cold::own_cost::OwnCost;
pub use cold::shrink;
pub use cold::snapshot::{Gap, Site, SiteValues, Snapshot, snapshot};
pub use cold::stats::{Stats, stats};
pub use hook::AllocTracer;
pub use hot::mode::Mode;
pub use inner::System;

#[cfg(feature = "profile")]
pub use cold::allocators::AllocatorMemory;
#[cfg(feature = "profile")]
pub use cold::process_memory::{
    ProcessMemory, Reconciliation, Released, process_memory, release_free_memory,
};
#[cfg(feature = "profile")]
pub use cold::profile::{self, Profile};
#[cfg(feature = "profile")]
pub use cold::size;
