//! What the hot tables say of each site: sums of what it allocated, and of what it holds. Reads the call
//! tree, the threads' shares and the live table. Broken by: `tests/exact_counts.rs`,
//! `tests/sampling_accuracy.rs`.

use super::estimate::Estimate;
use super::std::collections::HashMap;
use super::std::prelude::rust_2024::*;
use crate::hot::call_tree::{CALL_TREE, FIXED_NODES, NodeId, Root};
use crate::hot::live_table::{Entry, LIVE};
use crate::hot::site_values::{ExactSums, SampledSums};
use crate::hot::{sampler, thread};

/// What the hot floor keeps per site.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SiteSums {
    Exact(ExactSums),
    Sampled(SampledSums),
}

/// The sums of every site since the start, all threads' shares together.
pub(crate) fn all_site_sums() -> HashMap<NodeId, SiteSums> {
    let mut sums = shared_site_sums();
    for (site, place) in thread::all_sites().flat_map(|sites| sites.all()) {
        // A site has shared values before it gets a place, but this one may have come just now.
        if let SiteSums::Exact(exact) = sums.entry(site).or_insert(SiteSums::Exact(ExactSums::default())) {
            exact.add(place.sums());
        }
    }
    sums
}

fn shared_site_sums() -> HashMap<NodeId, SiteSums> {
    let count = CALL_TREE.len();
    // A parent has a smaller id than its children, so one pass finds every node's root.
    let mut under_sampled: Vec<bool> = Vec::with_capacity(count as usize);
    let mut sums = HashMap::new();
    for id in 0..count {
        let node = NodeId(id);
        let Some((parent, _, values)) = CALL_TREE.read(node) else {
            under_sampled.push(false);
            continue;
        };
        let sampled = match id < FIXED_NODES {
            true => node >= Root::Sampled.node(),
            false => under_sampled[parent.0 as usize],
        };
        under_sampled.push(sampled);
        if let Some(values) = values {
            let value =
                if sampled { SiteSums::Sampled(values.sampled()) } else { SiteSums::Exact(values.exact()) };
            sums.insert(node, value);
        }
    }
    sums
}

/// What a site holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LiveSums {
    pub(crate) objects: Estimate,
    pub(crate) space: Estimate,
}

/// What is live, from the blocks themselves: a block is in it or not, whatever happens meanwhile, and
/// sums of weights do not drift.
pub(crate) fn live_sums() -> HashMap<NodeId, LiveSums> {
    let mut sums: HashMap<NodeId, LiveSums> = HashMap::new();
    LIVE.for_each(|Entry { size, site, interval, .. }| {
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
