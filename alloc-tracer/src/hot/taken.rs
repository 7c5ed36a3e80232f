//! A block's record, taken out of the tag or the table before the inner allocator may hand the block's
//! address out again. Broken by: `tests/same_layouts.rs`, `tests/c_blocks.rs`, `tests/failing_inner.rs`.

use core::alloc::Layout;

use super::call_tree::NodeId;
use super::live_table::{Entry, LIVE};
use super::mode::IntervalId;
use super::tag::{TagPlace, UNRECORDED};
use super::{books, placement};

/// What was known of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// What the inner allocator knows the block by.
    layout: Layout,
    /// The site that its tag named, if it had one.
    tag: Option<NodeId>,
    /// What the table had of it.
    entry: Option<Entry>,
}

impl Taken {
    /// Takes a block's record out.
    ///
    /// # Safety
    /// The block is allocated with this layout, by the hook or, with at least as many bytes, by somebody
    /// else, and belongs to the caller.
    #[inline(always)]
    pub(crate) unsafe fn out(block: *mut u8, asked: Layout) -> Taken {
        let (mut layout, mut tag) = (asked, None);
        if let Some(with_tag) = placement::with_tag(asked) {
            // SAFETY: by this function's contract.
            let place = unsafe { TagPlace::behind(block, asked.size()) };
            // SAFETY: as above.
            tag = place.and_then(|place| unsafe { place.take() });
            // Without a tag where one should be it is not the hook's own; where no tag can be, it is taken
            // for the hook's own.
            if tag.is_some() || place.is_none() {
                layout = with_tag;
            }
            if tag.is_some_and(|site| site != UNRECORDED) {
                return Taken { layout, tag, entry: None };
            }
        }
        let entry = if LIVE.may_hold(block.addr()) { LIVE.remove(block.addr()) } else { None };
        if let Some(entry) = entry
            && entry.interval != IntervalId::EXACT
            && entry.size == asked.size() as u64
            && let Some(apart) = placement::set_apart(asked, entry.interval)
        {
            layout = apart;
        }
        Taken { layout, tag, entry }
    }

    /// Puts the record back: the inner allocator refused to reallocate the block.
    ///
    /// # Safety
    /// The block is the one whose record was taken out, of `size` bytes, and is allocated as before.
    #[cold]
    pub(crate) unsafe fn put_back(self, block: *mut u8, size: usize) {
        if let Some(site) = self.tag {
            // SAFETY: the tag was there and the block is as it was.
            unsafe {
                if let Some(place) = TagPlace::behind(block, size) {
                    place.put_back(site);
                }
            }
        }
        if let Some(entry) = self.entry
            && !books::list(entry)
            && let Some((site, bytes)) = self.exact(size)
        {
            books::free(None, site, bytes);
        }
    }

    /// What the inner allocator knows the block by.
    #[inline(always)]
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The site of a block of `size` bytes that was recorded in exact mode, and how many bytes are booked
    /// there. What is in use under sampling is summed over the table.
    #[inline(always)]
    pub(crate) fn exact(&self, size: usize) -> Option<(NodeId, u64)> {
        match (self.tag, self.entry) {
            (Some(site), None) if site != UNRECORDED => Some((site, size as u64)),
            (_, Some(entry)) if entry.interval == IntervalId::EXACT => Some((entry.site, entry.size)),
            _ => None,
        }
    }
}
