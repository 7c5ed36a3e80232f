//! A drop-in global allocator that knows which call stacks hold a program's memory.
#![no_std]

mod cold;

#[cfg(feature = "profile")]
pub use cold::profile;
#[cfg(feature = "profile")]
pub use cold::profile::Profile;
