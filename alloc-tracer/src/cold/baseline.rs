//! Where totals start: the process's start, or the last reset. Holds a lock only to swap or to lend the
//! copy, never while it reads a hot table. Broken by: `tests/reset.rs`.

use parking_lot::RwLock;

use super::sites::{SiteSums, all_site_sums};
use super::std::prelude::rust_2024::*;
use super::totals::Totals;
use crate::hot::all_threads;
use crate::hot::call_tree::NodeId;
use crate::hot::guard::Untracked;
use crate::sys::clock;

/// Starts the totals again: `alloc_objects` and `alloc_space` of every call stack, the totals of
/// [`stats`](crate::stats) and the search for the peak count from this moment. What is live stays
/// live and stays in `inuse_objects` and `inuse_space`. What was lost or cut short stays counted from the start.
pub fn reset() {
    let _guard = Untracked::enter();
    let fresh = Box::new(Baseline {
        totals: Totals::now(),
        sites: all_site_sums(),
        monotonic_nanos: clock::monotonic_nanos(),
    });
    all_threads::reset_peak();
    let old = BASELINE.write().replace(fresh);
    drop(old);
}

/// The totals at the last reset.
pub(crate) struct Baseline {
    pub(crate) totals: Totals,
    sites: Vec<(NodeId, SiteSums)>,
    /// When it was, on the monotonic clock.
    pub(crate) monotonic_nanos: i64,
}

impl Baseline {
    /// What a site had at the reset.
    pub(crate) fn site(&self, site: NodeId) -> Option<SiteSums> {
        let at = self.sites.binary_search_by_key(&site, |(site, _)| *site).ok()?;
        self.sites.get(at).map(|(_, sums)| *sums)
    }
}

static BASELINE: RwLock<Option<Box<Baseline>>> = RwLock::new(None);

/// Lends the totals at the last reset. `read` must not look at a hot table.
pub(crate) fn with_baseline<R>(read: impl FnOnce(Option<&Baseline>) -> R) -> R {
    let _guard = Untracked::enter();
    read(BASELINE.read().as_deref())
}
