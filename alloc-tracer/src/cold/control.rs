//! What a program may tell its tracer while it runs: change the mode, start the totals again, leave
//! code untracked. Broken by: `tests/mode_change.rs`, `tests/reset.rs`, `tests/untracked.rs`.

use core::fmt;

use parking_lot::RwLock;

use super::snapshot::SiteSums;
use super::stats::Totals;
use super::std::boxed::Box;
use super::std::collections::HashMap;
use crate::hot::call_tree::NodeId;
use crate::hot::guard::Untracked;
use crate::hot::mode::{self, Mode};
use crate::hot::{recorder, thread};
use crate::sys::clock;

/// Changes what is recorded from now on. Blocks that are live keep what was recorded of them.
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

/// Starts the totals again: `alloc_objects` and `alloc_space` of every call stack, the totals of
/// [`stats`](crate::stats) and the search for the peak count from this moment. What is live stays
/// live and stays in `inuse_objects` and `inuse_space`. What was lost or cut short stays counted from the start.
pub fn reset() {
    let _guard = Untracked::enter();
    let fresh = Box::new(Baseline {
        totals: Totals::now(),
        sites: super::snapshot::all_site_sums(),
        monotonic_nanos: clock::monotonic_nanos(),
    });
    thread::reset_peak();
    let old = BASELINE.write().replace(fresh);
    drop(old);
}

/// The totals at the last reset.
pub(crate) struct Baseline {
    pub(crate) totals: Totals,
    pub(crate) sites: HashMap<NodeId, SiteSums>,
    /// When it was, on the monotonic clock.
    pub(crate) monotonic_nanos: i64,
}

static BASELINE: RwLock<Option<Box<Baseline>>> = RwLock::new(None);

/// Lends the totals at the last reset. `read` must not look at a hot table.
pub(crate) fn with_baseline<R>(read: impl FnOnce(Option<&Baseline>) -> R) -> R {
    let _guard = Untracked::enter();
    read(BASELINE.read().as_deref())
}
