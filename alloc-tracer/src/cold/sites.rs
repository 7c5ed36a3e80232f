//! What the hot tables say of each site: sums of what it allocated, and of what it holds. Reads the call
//! tree, the threads' shares and the live table. Broken by: `tests/exact_counts.rs`,
//! `tests/sampling_accuracy.rs`.

use super::estimate::Estimate;
use super::std::collections::HashMap;
use super::std::prelude::rust_2024::*;
use crate::hot::call_tree::{CALL_TREE, FIXED_NODES, NodeId, Root};
use crate::hot::live_table::{Entry, LIVE};
use crate::hot::mode::IntervalId;
use crate::hot::site_values::{ExactSums, SampledSums, SiteValues};
use crate::hot::thread_sites::Place;
use crate::hot::{all_threads, sampler};

/// What the hot floor keeps per site.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SiteSums {
    Exact { allocated: ExactSums, freed: ExactSums },
    Sampled(SampledSums),
}

/// The sums of every site since the start, all threads' shares together, by ascending node.
///
/// Of each site all frees are read before all allocations: a block whose free is in the sums has its
/// allocation in them as well, so what was live all the while is never missing from allocations less
/// frees. The two follow closely, because whatever comes and goes in between counts as live.
pub(crate) fn all_site_sums() -> Vec<(NodeId, SiteSums)> {
    let mut places: HashMap<NodeId, Vec<&Place>> = HashMap::new();
    for (site, place) in all_threads::all_sites().flat_map(|sites| sites.all()) {
        places.entry(site).or_default().push(place);
    }
    let mut sums = Vec::new();
    each_site(|site, values, is_sampled| {
        let sum = if is_sampled {
            SiteSums::Sampled(values.sampled())
        } else {
            let places = places.get(&site).map_or(&[][..], Vec::as_slice);
            let total = |shared: ExactSums, of: fn(&Place) -> ExactSums| {
                let mut total = shared;
                places.iter().for_each(|place| total.add(of(place)));
                total
            };
            let freed = total(values.freed(), Place::freed);
            let allocated = total(values.allocated(), Place::allocated);
            SiteSums::Exact { allocated, freed }
        };
        sums.push((site, sum));
    });
    sums
}

/// Calls `visit` with each site, its shared values, and whether it is under the root of sampled stacks.
fn each_site(mut visit: impl FnMut(NodeId, &SiteValues, bool)) {
    let count = CALL_TREE.len();
    // A parent has a smaller id than its children, so one pass finds every node's root.
    let mut under_sampled: Vec<bool> = Vec::with_capacity(count as usize);
    for id in 0..count {
        let node = NodeId(id);
        let Some((parent, _, values)) = CALL_TREE.read(node) else {
            under_sampled.push(false);
            continue;
        };
        let is_sampled = match id < FIXED_NODES {
            true => node >= Root::Sampled.node(),
            false => under_sampled[parent.0 as usize],
        };
        under_sampled.push(is_sampled);
        if let Some(values) = values {
            visit(node, values, is_sampled);
        }
    }
}

/// What a site holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LiveSums {
    pub(crate) objects: Estimate,
    pub(crate) space: Estimate,
}

impl LiveSums {
    /// What a site of exact mode holds: what it allocated less what was freed of it.
    pub(crate) fn exact(allocated: ExactSums, freed: ExactSums) -> LiveSums {
        LiveSums {
            objects: Estimate::exact(allocated.count.saturating_sub(freed.count)),
            space: Estimate::exact(allocated.bytes.saturating_sub(freed.bytes)),
        }
    }
}

/// What the sites of sampled stacks hold, from the blocks themselves: a block is in it or not, whatever
/// happens meanwhile, and sums of weights do not drift.
pub(crate) fn sampled_live_sums() -> HashMap<NodeId, LiveSums> {
    let mut sums: HashMap<NodeId, LiveSums> = HashMap::new();
    LIVE.for_each(|Entry { size, site, interval, .. }| {
        if interval == IntervalId::EXACT {
            return;
        }
        let (weight, bytes) = (sampler::weight(size, interval), size as f64);
        let variance = weight * (weight - 1.0);
        let live = sums.entry(site).or_default();
        live.objects.value += weight;
        live.objects.variance += variance;
        live.space.value += weight * bytes;
        live.space.variance += bytes * bytes * variance;
    });
    sums
}
