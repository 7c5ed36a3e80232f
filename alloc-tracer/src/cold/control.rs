//! What a program may tell its tracer while it runs: change the mode, leave code untracked. Broken by:
//! `tests/mode_change.rs`, `tests/untracked.rs`.

use core::fmt;

use crate::hot::guard::Untracked;
use crate::hot::mode::{self, Mode};
use crate::hot::recorder;

/// Changes what is recorded from now on. Blocks that are live keep what was recorded of them. A process
/// that comes to exact mode, or to an interval below 32 KiB, by this function pays for a look into the table
/// of live blocks with every free from then on. One that starts in exact mode does not.
///
/// # Errors
/// [`TooManyIntervals`] if 255 different sampling intervals have been in use already; the mode then
/// stays as it was.
pub fn set_mode(mode: Mode) -> Result<(), TooManyIntervals> {
    if recorder::set_mode(mode) { Ok(()) } else { Err(TooManyIntervals) }
}

/// What is recorded now.
pub fn mode() -> Mode {
    mode::current_mode()
}

/// No further sampling interval can be used: every sampled block remembers the one it was sampled
/// with, and there is room for 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyIntervals;

impl fmt::Display for TooManyIntervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("255 different sampling intervals have been in use; choose one of those")
    }
}

impl core::error::Error for TooManyIntervals {}

/// Runs `code` without recording call stacks for what this thread allocates in it. The counters of
/// [`stats`](crate::stats) still count it, so that they stay exact when its blocks are freed.
///
/// ```
/// let table = alloc_tracer::untracked(|| vec![0_u8; 1 << 20]);
/// # drop(table);
/// ```
pub fn untracked<R>(code: impl FnOnce() -> R) -> R {
    let _guard = Untracked::enter();
    code()
}
