//! The books of exact mode: what each site allocated and what was freed of it, on the thread's own counts
//! where it has them, otherwise on shared ones; and the table's part of them.
//! Broken by: `tests/exact_counts.rs`, `tests/c_blocks.rs`.

use super::call_tree::{CALL_TREE, NodeId};
use super::live_table::{Entry, LIVE, NoRoom};
use super::losses::lose;
use super::mode::IntervalId;
use super::thread::ThreadBlock;
use super::thread_sites::{COUNT_FOR_A_PLACE, Place};

/// Where an allocation was booked.
pub(crate) enum Booked {
    /// On the thread's own counts for the site.
    OnPlace(&'static Place),
    /// On the site's shared counts.
    Shared,
    /// Nowhere: memory is refused.
    Refused,
}

/// Books an allocation at a site.
#[inline(always)]
pub(crate) fn allocation(thread: &'static ThreadBlock, site: NodeId, bytes: u64) -> Booked {
    if let Some(place) = thread.sites.place(site) {
        place.add_allocation(bytes);
        return Booked::OnPlace(place);
    }
    let Some(values) = CALL_TREE.values(site) else { return Booked::Refused };
    if values.add_allocation(bytes) >= COUNT_FOR_A_PLACE {
        thread.sites.claim(site);
    }
    Booked::Shared
}

/// Books the free of a block of a site, for the thread that frees it if it has its state.
#[inline(always)]
pub(crate) fn free(thread: Option<&'static ThreadBlock>, site: NodeId, bytes: u64) {
    if let Some(place) = thread.and_then(|thread| thread.sites.place(site)) {
        place.add_free(bytes);
        return;
    }
    // The site has values, because the block was booked there.
    if let Some(values) = CALL_TREE.values(site)
        && values.add_free(bytes) >= COUNT_FOR_A_PLACE
        && let Some(thread) = thread
    {
        thread.sites.claim(site);
    }
}

/// Takes the record of a block that ended unseen out of the table, if there is one at this address.
#[cold]
#[inline(never)]
pub(crate) fn ended_unseen(address: usize) {
    if let Some(entry) = LIVE.remove(address)
        && entry.interval == IntervalId::EXACT
    {
        free(None, entry.site, entry.size);
    }
}

/// Puts a block's record into the table. `false`, and counted as lost, if there is no room.
pub(crate) fn list(entry: Entry) -> bool {
    match LIVE.insert(entry) {
        Ok(None) => true,
        Ok(Some(ended_unseen)) => {
            if ended_unseen.interval == IntervalId::EXACT {
                free(None, ended_unseen.site, ended_unseen.size);
            }
            true
        }
        Err(NoRoom) => {
            lose(entry.size as usize);
            false
        }
    }
}
