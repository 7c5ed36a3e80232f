//! The inner allocator that is used where the user names none: the system's, as std calls it.

extern crate std;

/// The system's allocator.
pub use std::alloc::System;
