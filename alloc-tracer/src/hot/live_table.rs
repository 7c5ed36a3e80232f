//! Which blocks are live, and which site holds each: address → (size, site, interval). Lock-free,
//! and every block in it can be listed.
//!
//! Two operations on one address never run at once: the inner allocator hands an address out only
//! after the record of its last block was removed. So a slot needs no more care than this: it is
//! claimed (0 → BUSY), filled, published (BUSY → address) and emptied (address → 0).
//!
//! ```text
//!   level 0: 2^12 slots   ┐ an address hashes to a window of 16 slots (4 cache lines) in each
//!   level 1: 2^13 slots   │ level; it may stand in any free slot of any of its windows. A window
//!   level 2: ...          ┘ that is full in all levels makes the next level, twice as large.
//! ```
//!
//! Nothing is ever moved, so there is no pause, and no tombstone: a search looks at whole windows.
//! Most frees of a sampled program are of blocks that were not sampled: a byte per hash value counts
//! the sampled blocks there, and nearly always says 0. Broken by: the tests below,
//! `tests/exact_counts.rs`, `tests/threads.rs`.

use core::ptr::{self, NonNull};

use super::call_tree::{NODE_BITS, NodeId};
use super::mode::IntervalId;
use crate::sys::atomics::{
    AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};
use crate::sys::pages::{self, Part};

/// A live block's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) address: usize,
    /// Bytes asked for; below 2^46.
    pub(crate) size: u64,
    pub(crate) site: NodeId,
    pub(crate) interval: IntervalId,
}

/// The table cannot grow, or the block is larger than 2^46 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// The table.
pub(crate) struct LiveTable {
    levels: [AtomicPtr<Slot>; LEVELS],
    level_count: AtomicU32,
    /// Which blocks were ever put in: [`NONE`], [`SAMPLED`] only, or [`ANY`].
    held: AtomicU8,
    /// How many sampled blocks have each hash value; a count that reaches 255 stays there.
    sampled: [AtomicU8; 1 << SAMPLED_BITS],
}

const SAMPLED_BITS: u32 = 16;

const NONE: u8 = 0;
const SAMPLED: u8 = 1;
const ANY: u8 = 2;

/// The process's live blocks.
pub(crate) static LIVE: LiveTable = LiveTable::new();

#[derive(Default)]
struct Slot {
    /// 0: free. [`BUSY`]: being filled. Otherwise the address (48 bits), the interval's id (8 bits)
    /// and the upper 8 bits of the size.
    key: AtomicU64,
    /// Lower 38 bits of the size, then the site.
    value: AtomicU64,
}

/// 2^64 divided by the golden ratio, for multiplicative hashing (Knuth, TAOCP 3, 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
const BUSY: u64 = u64::MAX;
const ADDRESS_BITS: u32 = 48;
const SIZE_LOW_BITS: u32 = 64 - NODE_BITS;
const SIZE_BITS: u32 = SIZE_LOW_BITS + 8;
const WINDOW: usize = 16;
const FIRST_LEVEL_BITS: u32 = 12;
const LEVELS: usize = 24;
const _: () = assert!(size_of::<Slot>() == 16 && SIZE_BITS == 46);

impl LiveTable {
    pub(crate) const fn new() -> Self {
        LiveTable {
            levels: [const { AtomicPtr::new(ptr::null_mut()) }; LEVELS],
            level_count: AtomicU32::new(0),
            held: AtomicU8::new(NONE),
            sampled: [const { AtomicU8::new(0) }; 1 << SAMPLED_BITS],
        }
    }

    /// Whether a block may be here. `false` is certain.
    #[inline(always)]
    pub(crate) fn may_hold(&self, address: usize) -> bool {
        match self.held.load(Relaxed) {
            NONE => false,
            SAMPLED => self.sampled_count(address).load(Relaxed) != 0,
            _ => true,
        }
    }

    #[inline(always)]
    fn sampled_count(&self, address: usize) -> &AtomicU8 {
        // The shift leaves exactly as many values as there are counts.
        let hash = (address as u64 >> 4).wrapping_mul(GOLDEN) >> 64_u32.wrapping_sub(SAMPLED_BITS);
        let [first, ..] = &self.sampled;
        self.sampled.get(hash as usize).unwrap_or(first)
    }

    /// Makes [`may_hold`](Self::may_hold) true for a block. Runs before the block's owner learns its
    /// address, so no free of it can come too early.
    fn announce(&self, entry: Entry) {
        let kind = if entry.interval == IntervalId::EXACT { ANY } else { SAMPLED };
        if self.held.load(Relaxed) < kind {
            self.held.fetch_max(kind, Relaxed);
        }
        if kind == SAMPLED {
            // Fails only at 255, which stays.
            let _ = self
                .sampled_count(entry.address)
                .fetch_update(Relaxed, Relaxed, |count| count.checked_add(1));
        }
    }

    /// Undoes [`announce`](Self::announce).
    fn retract(&self, entry: Entry) {
        if entry.interval != IntervalId::EXACT {
            let one_less = |count: u8| if count == u8::MAX { None } else { count.checked_sub(1) };
            let _ = self.sampled_count(entry.address).fetch_update(Relaxed, Relaxed, one_less);
        }
    }

    /// Puts a block in.
    ///
    /// A block that is here already under this address has ended unseen (freed by C, or by another
    /// copy of the tracer): its record makes room, so that such blocks cannot fill the table, and is
    /// returned. One of an exact block that stands behind a free slot stays until it is met.
    pub(crate) fn insert(&self, entry: Entry) -> Result<Option<Entry>, NoRoom> {
        let Some((key, value)) = pack(entry) else { return Err(NoRoom) };
        let ended_unseen = self.remove_sampled(entry);
        loop {
            let count = self.level_count.load(Acquire);
            for level in (0..count).rev() {
                let window = self.window(level, entry.address).unwrap_or_default();
                for slot in window {
                    let found = slot.key.load(Relaxed);
                    let is_stale = found != BUSY && found & ADDRESS_MASK == entry.address as u64;
                    if (found == 0 || is_stale)
                        && slot.key.compare_exchange(found, BUSY, Acquire, Relaxed).is_ok()
                    {
                        let stale = is_stale.then(|| unpack(found, slot.value.load(Relaxed)));
                        if let Some(stale) = stale {
                            self.retract(stale);
                        }
                        slot.value.store(value, Release);
                        slot.key.store(key, Release);
                        self.announce(entry);
                        return Ok(stale.or(ended_unseen));
                    }
                }
            }
            if !self.grow(count) {
                return Err(NoRoom);
            }
        }
    }

    /// Takes out what a sampled block comes in the place of, wherever that stands: of two records at one
    /// address the older would outlive the block, and lend its layout to the next one there.
    fn remove_sampled(&self, entry: Entry) -> Option<Entry> {
        let is_new =
            entry.interval == IntervalId::EXACT || self.sampled_count(entry.address).load(Relaxed) == 0;
        if is_new { None } else { self.remove(entry.address) }
    }

    /// Takes a block out. `None` if it was never recorded.
    pub(crate) fn remove(&self, address: usize) -> Option<Entry> {
        let wanted = address as u64;
        let mut level = self.level_count.load(Acquire);
        while let Some(below) = level.checked_sub(1) {
            level = below;
            for slot in self.window(level, address).unwrap_or_default() {
                let key = slot.key.load(Relaxed);
                if key & ADDRESS_MASK == wanted && key != BUSY {
                    let entry = unpack(key, slot.value.load(Relaxed));
                    slot.key.store(0, Release);
                    self.retract(entry);
                    return Some(entry);
                }
            }
        }
        None
    }

    /// Calls `each` for every block. Blocks that come or go meanwhile are seen or not.
    pub(crate) fn for_each(&self, mut each: impl FnMut(Entry)) {
        for level in 0..self.level_count.load(Acquire) {
            for slot in self.slots(level).unwrap_or_default() {
                let key = slot.key.load(Acquire);
                let value = slot.value.load(Acquire);
                // A slot that changed between the two loads holds a block that came or went.
                if key != 0 && key != BUSY && slot.key.load(Relaxed) == key {
                    each(unpack(key, value));
                }
            }
        }
    }

    fn slots(&self, level: u32) -> Option<&[Slot]> {
        let slots = NonNull::new(self.levels.get(level as usize)?.load(Acquire))?;
        // SAFETY: `grow` published this level with `slot_count(level)` zeroed slots in pages that
        // are never given back; slots are changed only through atomics.
        Some(unsafe { core::slice::from_raw_parts(slots.as_ptr(), slot_count(level)) })
    }

    /// The slots of a level where this address may stand.
    #[inline]
    fn window(&self, level: u32, address: usize) -> Option<&[Slot]> {
        // Blocks in the same 128 bytes share a window, at most four of the smallest that glibc
        // makes; consecutive windows of a multiplicative hash lie far apart.
        let hash = ((address as u64) >> 7).wrapping_mul(GOLDEN);
        let line_bits = FIRST_LEVEL_BITS.wrapping_add(level).wrapping_sub(2);
        let line = (hash >> 64_u32.wrapping_sub(line_bits)) as usize;
        let slots = self.slots(level)?;
        let start = line.wrapping_mul(4).min(slots.len().wrapping_sub(WINDOW));
        slots.get(start..start.wrapping_add(WINDOW))
    }

    /// Makes level `count`, unless another thread has done so. `false` if that is not possible.
    #[cold]
    fn grow(&self, count: u32) -> bool {
        let Some(level) = self.levels.get(count as usize) else { return false };
        let bytes = slot_count(count).wrapping_mul(size_of::<Slot>());
        if level.load(Acquire).is_null() {
            let Some(fresh) = pages::map(bytes, Part::LiveTable) else { return false };
            if level.compare_exchange(ptr::null_mut(), fresh.cast().as_ptr(), AcqRel, Acquire).is_err() {
                // SAFETY: mapped just above with this size, and nobody saw it.
                unsafe { pages::unmap(fresh, bytes, Part::LiveTable) };
            }
        }
        // Fails only if another thread has counted the level already.
        let _ = self.level_count.compare_exchange(count, count.wrapping_add(1), AcqRel, Acquire);
        true
    }
}

const ADDRESS_MASK: u64 = (1 << ADDRESS_BITS) - 1;

fn slot_count(level: u32) -> usize {
    1 << FIRST_LEVEL_BITS.wrapping_add(level)
}

fn pack(entry: Entry) -> Option<(u64, u64)> {
    let fits = entry.size >> SIZE_BITS == 0 && entry.address as u64 & !ADDRESS_MASK == 0;
    let key = entry.address as u64
        | (u64::from(entry.interval.0) << ADDRESS_BITS)
        | ((entry.size >> SIZE_LOW_BITS) << ADDRESS_BITS.wrapping_add(8));
    let value = (entry.size << NODE_BITS) | u64::from(entry.site.0);
    if fits && key != BUSY { Some((key, value)) } else { None }
}

fn unpack(key: u64, value: u64) -> Entry {
    let size_high = key >> ADDRESS_BITS.wrapping_add(8);
    Entry {
        address: (key & ADDRESS_MASK) as usize,
        size: (size_high << SIZE_LOW_BITS) | (value >> NODE_BITS),
        site: NodeId((value & ((1 << NODE_BITS) - 1)) as u32),
        interval: IntervalId((key >> ADDRESS_BITS) as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::collections::HashMap;

    /// Fewer rounds where each takes a thousand times as long.
    const SLOW: u64 = if cfg!(miri) { 1000 } else { 1 };

    fn entry(address: usize, size: u64) -> Entry {
        Entry {
            address,
            size,
            site: NodeId((address % 1000) as u32),
            interval: IntervalId((size % 256) as u8),
        }
    }

    #[test]
    fn a_record_comes_back_whole_up_to_its_limits() {
        let table = LiveTable::new();
        let largest = (1 << 46) - 1;
        for size in [0, 1, 1 << 37, 1 << 38, 1 << 40, largest] {
            let full = Entry {
                address: 0x7fff_ffff_fff0,
                size,
                site: NodeId((1 << 26) - 1),
                interval: IntervalId(254),
            };
            assert_eq!(table.insert(full), Ok(None));
            assert_eq!(table.remove(full.address), Some(full));
            assert_eq!(table.remove(full.address), None);
            assert!(!table.may_hold(full.address));
        }
        assert_eq!(table.insert(entry(16, largest + 1)), Err(NoRoom));
    }

    #[test]
    fn blocks_that_end_unseen_do_not_fill_the_table() {
        let table = LiveTable::new();
        for round in 0..(100_000 / SLOW as usize) {
            let ended = table.insert(entry(0x1000 + (round % 7) * 16, 64)).unwrap();
            assert_eq!(ended.is_some(), round >= 7);
        }
        assert_eq!(table.level_count.load(Relaxed), 1);
        let mut left = 0;
        table.for_each(|_| left += 1);
        assert_eq!(left, 7);
    }

    #[test]
    fn a_sampled_block_that_ended_unseen_lends_its_layout_to_none_that_comes_later() {
        let table = LiveTable::new();
        let sampled = |address| Entry { interval: IntervalId(1), ..entry(address, 100) };
        let (other, ended) = (0x1000, 0x1010);
        assert_eq!(table.insert(sampled(other)), Ok(None));
        assert_eq!(table.insert(sampled(ended)), Ok(None));
        // From now on a slot is free that is looked at before the one of the block that ended.
        assert!(table.remove(other).is_some());
        assert_eq!(table.insert(sampled(ended)), Ok(Some(sampled(ended))));
        assert_eq!(table.remove(ended), Some(sampled(ended)));
        assert!(!table.may_hold(ended), "a block that is not recorded would be taken for the one that ended");
    }

    #[test]
    fn more_sampled_blocks_than_a_count_can_hold_are_never_denied() {
        static TABLE: LiveTable = LiveTable::new();
        let sampled = |address| Entry { interval: IntervalId(1), ..entry(address, 100) };
        let count = TABLE.sampled_count(16);
        let crowd = || {
            (1..).map(|i| i * 16).filter(|address| ptr::eq(TABLE.sampled_count(*address), count)).take(260)
        };
        crowd().for_each(|address| assert_eq!(TABLE.insert(sampled(address)), Ok(None)));
        assert_eq!(TABLE.held.load(Relaxed), SAMPLED);
        for address in crowd() {
            assert!(TABLE.may_hold(address));
            assert_eq!(TABLE.remove(address), Some(sampled(address)));
        }
    }

    #[test]
    fn a_table_that_grows_from_nothing_to_a_million_blocks_loses_none() {
        let table = LiveTable::new();
        let mut model = HashMap::new();
        let mut random = 7_u64;
        for step in 0..1_000_000 / SLOW {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let address = 0x5000_0000_0000 + (random >> 40) as usize * 16;
            match model.remove(&address) {
                Some(expected) => assert_eq!(table.remove(address), Some(expected)),
                None => {
                    assert_eq!(table.insert(entry(address, step)), Ok(None));
                    model.insert(address, entry(address, step));
                }
            }
        }
        let mut seen = 0;
        table.for_each(|found| {
            assert_eq!(model.get(&found.address), Some(&found));
            seen += 1;
        });
        assert_eq!(seen, model.len());
    }

    #[test]
    fn threads_with_their_own_blocks_do_not_disturb_each_other() {
        static TABLE: LiveTable = LiveTable::new();
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                scope.spawn(move || {
                    for round in 0..50_usize.div_ceil(SLOW as usize) {
                        let block = |i: usize| 0x1000 + (i * 4 + thread) * 32;
                        for i in 0..1000 {
                            assert_eq!(TABLE.insert(entry(block(i), (i + round) as u64)), Ok(None));
                        }
                        for i in 0..1000 {
                            assert_eq!(TABLE.remove(block(i)), Some(entry(block(i), (i + round) as u64)));
                        }
                    }
                });
            }
        });
        TABLE.for_each(|left| panic!("left behind: {left:?}"));
    }
}
