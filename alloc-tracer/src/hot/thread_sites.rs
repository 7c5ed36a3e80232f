//! A thread's own share of the counts of its busiest sites, so that threads that allocate at the same
//! site do not fight for a cache line. A site has its place for ever; sites without one count into
//! shared words. Readers add up all shares. Broken by: `tests/exact_counts.rs`, `tests/threads.rs`.

use core::mem::offset_of;

use super::call_tree::NodeId;
use super::site_values::ExactSums;
use crate::sys::atomics::{AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use crate::sys::owner_words::{OwnerWords, add_as_owner, add_fixed_as_owner};

const PLACE_BITS: u32 = 10;

/// A site gets a place when a shared count of it has come this far: sites that allocate once at the start
/// would otherwise take all places.
pub(crate) const COUNT_FOR_A_PLACE: u64 = 16;

/// The places of one thread: 40 KiB, of which only used pages take up memory.
pub(crate) struct ThreadSites {
    places: [Place; 1 << PLACE_BITS],
}

/// One site's counts by one thread.
#[repr(C)]
pub(crate) struct Place {
    /// The site's node; 0, which is a root and no site, if the place is free.
    site: AtomicU32,
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
    frees: AtomicU64,
    freed_bytes: AtomicU64,
}

// SAFETY: the words that are added to are `AtomicU64`, `repr(C)`.
unsafe impl OwnerWords for Place {}

impl ThreadSites {
    /// The place of a site, for the thread that owns these places.
    #[inline(always)]
    pub(crate) fn place(&self, site: NodeId) -> Option<&Place> {
        let [first, second] = self.pair(site)?;
        if first.site.load(Relaxed) == site.0 {
            Some(first)
        } else if second.site.load(Relaxed) == site.0 {
            Some(second)
        } else {
            None
        }
    }

    /// Gives a site a place from now on, if one of its two is free. A signal handler may claim the
    /// other or the same one in between: the exchange decides.
    #[cold]
    pub(crate) fn claim(&self, site: NodeId) {
        for place in self.pair(site).into_iter().flatten() {
            if place.site.load(Relaxed) == site.0
                || place.site.compare_exchange(0, site.0, AcqRel, Relaxed).is_ok()
            {
                return;
            }
        }
    }

    /// All sites with a place.
    pub(crate) fn all(&self) -> impl Iterator<Item = (NodeId, &Place)> {
        let sites = self.places.iter().map(|place| (NodeId(place.site.load(Acquire)), place));
        sites.filter(|(site, _)| site.0 != 0)
    }

    /// The two places that a site may have; none for node 0, which marks a free place.
    #[inline(always)]
    fn pair(&self, site: NodeId) -> Option<[&Place; 2]> {
        if site.0 == 0 {
            return None;
        }
        let index = (site.0.wrapping_mul(0x9E37_79B9) >> 32_u32.wrapping_sub(PLACE_BITS)) as usize;
        Some([self.places.get(index)?, self.places.get(index ^ 1)?])
    }
}

impl Place {
    #[inline(always)]
    pub(crate) fn add_allocation(&self, bytes: u64) {
        add_fixed_as_owner::<{ offset_of!(Place, allocations) }, 1>(self);
        add_as_owner::<{ offset_of!(Place, allocated_bytes) }>(self, bytes);
    }

    #[inline(always)]
    pub(crate) fn add_free(&self, bytes: u64) {
        add_fixed_as_owner::<{ offset_of!(Place, frees) }, 1>(self);
        add_as_owner::<{ offset_of!(Place, freed_bytes) }>(self, bytes);
    }

    pub(crate) fn allocated(&self) -> ExactSums {
        ExactSums { count: self.allocations.load(Acquire), bytes: self.allocated_bytes.load(Acquire) }
    }

    pub(crate) fn freed(&self) -> ExactSums {
        ExactSums { count: self.frees.load(Acquire), bytes: self.freed_bytes.load(Acquire) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::boxed::Box;

    #[test]
    fn a_site_keeps_its_place_and_a_third_one_for_the_same_pair_gets_none() {
        // SAFETY: zeroed atomics are valid.
        let sites: Box<ThreadSites> = unsafe { Box::new_zeroed().assume_init() };
        let mut claimed = 0;
        for id in 1..5000 {
            sites.claim(NodeId(id));
            if let Some(place) = sites.place(NodeId(id)) {
                place.add_allocation(u64::from(id));
                claimed += 1;
            }
        }
        assert_eq!(claimed, 1 << PLACE_BITS);
        assert_eq!(sites.all().count(), 1 << PLACE_BITS);
        for (site, place) in sites.all() {
            assert_eq!(place.allocated(), ExactSums { count: 1, bytes: u64::from(site.0) });
            assert_eq!(place.freed(), ExactSums::default());
        }
        sites.claim(NodeId(0));
        assert!(sites.place(NodeId(0)).is_none());
    }
}
