//! A copy of what was recorded: call stacks, their values, the totals, the modules. Plain data, no
//! names. Broken by: `tests/exact_counts.rs`, `tests/sampling_accuracy.rs`.

use super::baseline;
use super::estimate::Estimate;
use super::modules::{self, LoadedModule};
use super::sites::{LiveSums, SiteSums, all_site_sums, sampled_live_sums};
use super::stats::{Stats, stats};
use super::std::prelude::rust_2024::*;
use crate::hot::call_tree::{CALL_TREE, FIXED_NODES, MARKS, Mark, NodeId, Root};
use crate::hot::guard::Untracked;
use crate::hot::mode::{self, Mode};
use crate::hot::site_values::{ExactSums, SampledSums};
use crate::hot::start;
use crate::sys::clock;

/// What was recorded up to a moment.
///
/// Taken while other threads go on, without stopping them: every block that was live all the while
/// is in it, every block that came or went meanwhile is in it or not, as far as exact mode counts it
/// perhaps with its number and not its bytes. Of a program at rest it is exact.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was taken, in nanoseconds since 1970 (UTC).
    pub taken_unix_nanos: i64,
    /// How long the program had been recorded, in nanoseconds.
    pub recorded_nanos: i64,
    /// The mode in force at that moment.
    pub mode: Mode,
    /// The totals.
    pub stats: Stats,
    /// The program and its shared libraries.
    pub modules: Vec<LoadedModule>,
    /// Live blocks and bytes that were allocated in untracked sections or by the tracer itself while
    /// the mode was exact. They are in `stats` and on no site.
    pub untracked: SiteValues,
    sites: Vec<(NodeId, SiteValues)>,
    nodes: Vec<(NodeId, u64)>,
}

/// A call stack with its values.
#[derive(Debug, Clone)]
pub struct Site {
    /// Return addresses, leaf first. The first few may be the tracer's own.
    pub stack: Vec<u64>,
    /// Whether frames, or the whole stack, are missing, and why.
    pub gap: Option<Gap>,
    /// What the stack allocated and holds.
    pub values: SiteValues,
}

/// Why a stack is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gap {
    /// Frames beyond the innermost 1,024 are missing at the root's side.
    TooDeep,
    /// Frames beyond code without unwind information are missing at the root's side.
    Lost,
    /// The block was allocated by a signal handler that interrupted the recorder: no stack.
    Reentered,
    /// The call tree was full or was refused memory: no stack.
    TreeFull,
}

/// What a site allocated and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SiteValues {
    /// Blocks allocated since the start or the last reset; reallocations count.
    pub alloc_objects: Estimate,
    /// Bytes allocated since the start or the last reset.
    pub alloc_space: Estimate,
    /// Live blocks.
    pub inuse_objects: Estimate,
    /// Bytes in live blocks.
    pub inuse_space: Estimate,
}

/// Copies what was recorded. Empty if [`AllocTracer`](crate::AllocTracer) is not the global allocator.
pub fn snapshot() -> Snapshot {
    let _guard = Untracked::enter();
    let mode = mode::current_mode();
    let stats = stats();
    // A site has values before its first block is in the table.
    let sampled_live = sampled_live_sums();
    let sums = all_site_sums();
    // Nodes are copied last: a node exists before anything names it.
    let nodes: Vec<(NodeId, u64)> = (0..CALL_TREE.len())
        .map(|id| CALL_TREE.read(NodeId(id)).map_or((NodeId(0), 0), |(parent, address, _)| (parent, address)))
        .collect();
    let mut untracked = SiteValues::default();
    let mut sites = Vec::with_capacity(sums.len());
    let mut since_nanos = start::started_nanos();
    baseline::with_baseline(|baseline| {
        since_nanos = baseline.map_or(since_nanos, |baseline| baseline.monotonic_nanos);
        for (site, sums) in sums {
            let before = baseline.and_then(|baseline| baseline.site(site));
            let live = match sums {
                SiteSums::Exact { allocated, freed } => LiveSums::exact(allocated, freed),
                SiteSums::Sampled(_) => sampled_live.get(&site).copied().unwrap_or_default(),
            };
            let values = SiteValues::since(before, sums, live);
            if site == Root::Exact.mark(Mark::Untracked) {
                untracked = values;
            } else if site != Root::Sampled.mark(Mark::Untracked) && values != SiteValues::default() {
                sites.push((site, values));
            }
        }
    });
    Snapshot {
        taken_unix_nanos: clock::unix_nanos(),
        recorded_nanos: clock::monotonic_nanos() - since_nanos,
        mode,
        stats,
        modules: modules::loaded(),
        untracked,
        sites,
        nodes,
    }
}

impl Snapshot {
    /// All call stacks that allocated or hold anything.
    pub fn sites(&self) -> impl Iterator<Item = Site> {
        self.sites.iter().map(|(node, values)| {
            let (stack, gap) = self.stack(*node);
            Site { stack, gap, values: *values }
        })
    }

    fn stack(&self, mut node: NodeId) -> (Vec<u64>, Option<Gap>) {
        let _guard = Untracked::enter();
        let mut stack = Vec::new();
        while node.0 >= FIXED_NODES {
            let Some((parent, address)) = self.nodes.get(node.0 as usize) else { break };
            stack.push(*address);
            node = *parent;
        }
        let is = |mark: Mark| node == Root::Exact.mark(mark) || node == Root::Sampled.mark(mark);
        let gap = MARKS.into_iter().find(|mark| is(*mark)).and_then(|mark| match mark {
            Mark::Untracked => None,
            Mark::Reentered => Some(Gap::Reentered),
            Mark::TreeFull => Some(Gap::TreeFull),
            Mark::TooDeep => Some(Gap::TooDeep),
            Mark::Lost => Some(Gap::Lost),
        });
        (stack, gap)
    }
}

impl SiteValues {
    fn since(before: Option<SiteSums>, now: SiteSums, live: LiveSums) -> SiteValues {
        let (alloc_objects, alloc_space) = match now {
            SiteSums::Exact { allocated, .. } => {
                let base = match before {
                    Some(SiteSums::Exact { allocated, .. }) => allocated,
                    _ => ExactSums::default(),
                };
                (
                    Estimate::exact(allocated.count.saturating_sub(base.count)),
                    Estimate::exact(allocated.bytes.saturating_sub(base.bytes)),
                )
            }
            SiteSums::Sampled(sums) => {
                let base = match before {
                    Some(SiteSums::Sampled(base)) => base,
                    _ => SampledSums::default(),
                };
                let since = |now: f64, then: f64| (now - then).max(0.0);
                let objects = Estimate {
                    value: since(sums.allocations, base.allocations),
                    variance: since(sums.allocations_variance, base.allocations_variance),
                };
                let space = Estimate {
                    value: since(sums.allocated_bytes, base.allocated_bytes),
                    variance: since(sums.allocated_bytes_variance, base.allocated_bytes_variance),
                };
                (objects, space)
            }
        };
        SiteValues { alloc_objects, alloc_space, inuse_objects: live.objects, inuse_space: live.space }
    }
}
