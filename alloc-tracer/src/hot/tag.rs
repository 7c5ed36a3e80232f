//! The eight bytes behind each small block of a process that starts in exact mode: the block's site (26
//! bits), and 38 bits that depend on it, on the block's address and on a secret of this run. They also say
//! that the block is the hook's own: one that C allocated is taken for a tagged one once in 2^38 times, or
//! where it has just the address and size of a tagged one that C freed, and the tag is still there.
//!
//! ```text
//!   | what the program asked for ............ | site, check |
//!   ^ address                                 ^ address + size, at no particular alignment
//! ```
//!
//! A tag never begins a page or straddles two: reading behind a block that has none stays on a page
//! that the block is on. The few blocks where it would are in the live table. Broken by: the tests below,
//! `tests/c_blocks.rs`, `tests/exact_counts.rs`.

use super::call_tree::{NODE_BITS, NodeId};
use super::placement::TAG_BYTES;
use crate::sys::atomics::{AtomicU64, Ordering::Relaxed};

const PAGE_BYTES: usize = 4096;
const CHECK_BITS: u32 = 64 - NODE_BITS;
const CHECK_MASK: u64 = (1 << CHECK_BITS) - 1;

/// 2^64 divided by the golden ratio, made odd: multiplicative hashing (Knuth, TAOCP 3, 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Stands for a block that was not recorded; no call stack has this node.
pub(crate) const UNRECORDED: NodeId = NodeId(7);

static SECRET: AtomicU64 = AtomicU64::new(0);

/// Chooses this run's secret, before the first tag is written; the first choice counts.
pub(crate) fn set_secret(secret: u64) {
    let _ = SECRET.compare_exchange(0, secret | 1, Relaxed, Relaxed);
}

/// Where a block's tag is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TagPlace {
    tag: *mut u64,
    check: u64,
}

impl TagPlace {
    /// The place behind a block; `None` if the block's tag would not lie on the block's last page.
    ///
    /// # Safety
    /// The methods may be called while the block is allocated. Its inner allocator was asked for
    /// `size` + 8 bytes, or the block is one from elsewhere with at least `size` bytes.
    #[inline(always)]
    pub(crate) unsafe fn behind(block: *mut u8, size: usize) -> Option<TagPlace> {
        let tag = block.wrapping_add(size);
        let last_byte_on_page = tag.addr().wrapping_sub(1) % PAGE_BYTES;
        if last_byte_on_page >= PAGE_BYTES.wrapping_sub(TAG_BYTES) {
            return None;
        }
        let hash = (block.addr() as u64 ^ SECRET.load(Relaxed)).wrapping_mul(GOLDEN);
        Some(TagPlace { tag: tag.cast(), check: hash >> NODE_BITS })
    }

    /// Writes the tag. Only behind blocks that have room for it.
    ///
    /// # Safety
    /// As [`behind`](Self::behind) says, with room for a tag.
    #[inline(always)]
    pub(crate) unsafe fn write(self, site: NodeId) {
        let tag = self.tag_of(site);
        // SAFETY: the eight bytes are inside what the inner allocator was asked for, and the program
        // knows nothing of them.
        unsafe { self.tag.write_unaligned(tag) };
    }

    /// The site that the tag here names, if there is one.
    ///
    /// # Safety
    /// As [`behind`](Self::behind) says.
    #[inline(always)]
    pub(crate) unsafe fn site(self) -> Option<NodeId> {
        // SAFETY: on the block's last page, so readable, whoever owns the bytes.
        let difference = unsafe { self.read() } ^ self.check;
        let site = difference >> CHECK_BITS;
        if (difference ^ site) & CHECK_MASK == 0 { Some(NodeId(site as u32)) } else { None }
    }

    /// Removes the tag.
    ///
    /// # Safety
    /// As [`behind`](Self::behind) says, and a tag is here.
    #[inline(always)]
    pub(crate) unsafe fn remove(self, site: NodeId) {
        // SAFETY: by this function's contract.
        unsafe { self.write_first_byte(!self.tag_of(site)) };
    }

    /// Puts a tag back that [`take`](Self::take) took.
    ///
    /// # Safety
    /// As [`behind`](Self::behind) says; the tag was here and nothing has changed since.
    #[cold]
    pub(crate) unsafe fn put_back(self, site: NodeId) {
        // SAFETY: by this function's contract.
        unsafe { self.write_first_byte(self.tag_of(site)) };
    }

    #[inline(always)]
    fn tag_of(self, site: NodeId) -> u64 {
        let site = u64::from(site.0);
        (site << CHECK_BITS) | (self.check ^ site)
    }

    /// # Safety
    /// The tag, or what is left of it, is at least as much the caller's as its first byte.
    #[inline(always)]
    unsafe fn write_first_byte(self, tag: u64) {
        let [first, ..] = tag.to_ne_bytes();
        // SAFETY: 38 bits said that a tag stands here, all of which the next block cannot have by chance;
        // if the block is C's, at least the first byte is from a tag that once was behind it.
        unsafe { self.tag.cast::<u8>().write(first) };
    }

    /// Takes the tag away and returns its site, if there is one.
    ///
    /// # Safety
    /// As [`behind`](Self::behind) says.
    #[inline(always)]
    pub(crate) unsafe fn take(self) -> Option<NodeId> {
        // SAFETY: by this function's contract.
        let site = unsafe { self.site() }?;
        // SAFETY: the tag is here.
        unsafe { self.remove(site) };
        Some(site)
    }

    #[inline(always)]
    unsafe fn read(self) -> u64 {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            let tag: u64;
            // SAFETY: a load from a readable address (the caller's contract). In assembly, because the
            // bytes may be uninitialised or be written by another thread, which the language forbids
            // to read and the processor does not.
            unsafe {
                core::arch::asm!(
                    "mov {tag}, qword ptr [{place}]",
                    tag = out(reg) tag,
                    place = in(reg) self.tag,
                    options(nostack, readonly, preserves_flags),
                );
            }
            tag
        }
        #[cfg(any(not(target_arch = "x86_64"), miri))]
        // SAFETY: a readable address (the caller's contract).
        unsafe {
            u64::from_ne_bytes(self.tag.cast::<[u8; 8]>().read_volatile())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page with nothing on it.
    #[repr(align(4096))]
    struct Page([u8; PAGE_BYTES]);

    #[test]
    fn a_tag_is_taken_once_and_only_at_its_own_address_and_size() {
        set_secret(0x1234_5678_9ABC_DEF0);
        let mut page = Page([0xAA; PAGE_BYTES]);
        let block = page.0.as_mut_ptr();
        for (size, site) in [(1, 0), (64, 77), (1000, (1 << NODE_BITS) - 1)] {
            // SAFETY: all places are inside the page, which nobody else uses.
            unsafe {
                TagPlace::behind(block, size).unwrap().write(NodeId(site));
                assert_eq!(TagPlace::behind(block.add(16), size - 1).unwrap().take(), None);
                assert_eq!(TagPlace::behind(block, size + 1).unwrap().take(), None);
                assert_eq!(TagPlace::behind(block, size).unwrap().take(), Some(NodeId(site)));
                assert_eq!(TagPlace::behind(block, size).unwrap().take(), None);
            }
        }
    }

    #[test]
    fn a_tag_that_the_next_block_has_begun_to_overwrite_is_none_and_what_follows_a_tag_is_left_alone() {
        set_secret(0x1234_5678_9ABC_DEF0);
        let mut page = Page([0xAA; PAGE_BYTES]);
        let block = page.0.as_mut_ptr();
        for of_next_block in 1..8 {
            // SAFETY: all places are inside the page, which nobody else uses.
            unsafe {
                let place = TagPlace::behind(block, 64).unwrap();
                place.write(NodeId(77));
                let next = block.add(64 + 8 - of_next_block);
                next.write_bytes(0x91, of_next_block);
                assert_eq!(place.take(), None);
                place.write(NodeId(77));
                let before = next.read();
                assert_eq!(place.take(), Some(NodeId(77)));
                assert_eq!(next.read(), before);
                place.put_back(NodeId(77));
                assert_eq!(place.take(), Some(NodeId(77)));
            }
        }
    }

    #[test]
    fn no_tag_lies_beyond_the_last_page_of_its_block() {
        let block = core::ptr::without_provenance_mut::<u8>(0x7000);
        for size in 1..3 * PAGE_BYTES {
            // SAFETY: only the place is looked at.
            if let Some(place) = unsafe { TagPlace::behind(block, size) } {
                let last_of_block = (block.addr() + size - 1) / PAGE_BYTES;
                assert_eq!(
                    (place.tag.addr() / PAGE_BYTES, (place.tag.addr() + 7) / PAGE_BYTES),
                    (last_of_block, last_of_block)
                );
            } else {
                assert!((block.addr() + size - 1) % PAGE_BYTES >= PAGE_BYTES - TAG_BYTES);
            }
        }
    }
}
