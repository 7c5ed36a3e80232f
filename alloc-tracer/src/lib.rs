//! A drop-in global allocator that knows which call stacks hold a program's memory.
#![no_std]

mod cold;
mod hook;
mod hot;
mod inner;
mod sys;

pub use cold::control::{TooManyIntervals, mode, reset, set_mode, untracked};
pub use cold::modules::LoadedModule;
pub use cold::snapshot::{Estimate, Gap, Site, SiteValues, Snapshot, snapshot};
pub use cold::stats::{Stats, stats};
pub use hook::AllocTracer;
pub use hot::mode::Mode;
pub use inner::System;

#[cfg(feature = "profile")]
pub use cold::profile::{self, Profile};
