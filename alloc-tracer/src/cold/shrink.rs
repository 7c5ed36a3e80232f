//! Collections that give room back once they are sparse: the 25 % rule. Names std's collections and nothing
//! of the tracer; runs in the caller's name, so what it allocates stands in profiles like any other block.
//! What it gains and costs: `docs/shrinking.md`. Broken by: the tests below, `tests/shrink.rs`.

use super::std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use super::std::hash::{BuildHasher, Hash};
use super::std::string::String;
use super::std::vec::Vec;

/// Gives room back when less than a quarter of it is used, and keeps it otherwise.
///
/// None of these collections ever shrinks by itself. Call [`shrink_sparse`](Self::shrink_sparse) after what removes,
/// be it one item or a thousand; while the collection is not sparse, a call is about 15 instructions, for maps and sets
/// 50 (by callgrind; `docs/shrinking.md`).
///
/// ```
/// use std::collections::HashMap;
/// use alloc_tracer::shrink::ShrinkSparse;
///
/// let mut sessions: HashMap<u64, [u8; 64]> = (0..10_000).map(|id| (id, [0; 64])).collect();
/// let busiest = sessions.capacity();
/// sessions.retain(|id, _| *id < 4_000);
/// sessions.shrink_sparse(); // More than a quarter of the room is used: nothing happens.
/// sessions.retain(|id, _| *id < 1_000);
/// sessions.shrink_sparse();
/// assert!(sessions.capacity() < busiest / 2 && sessions.capacity() >= 2 * sessions.len());
/// ```
///
/// # The rule
///
/// With `n` items in room for `c`: if 4·n < c, the room becomes 2·n + 1, but no less than the floor
/// ([`Density::with_floor`]), and only if that halves it. So the collection then stands at one half: n + 1
/// items more before it must grow, n/2 fewer before it shrinks again. A rule without that distance, such as
/// `shrink_to_fit` at one half, moves all items back and forth while the number of items swings by two.
///
/// # What it costs
///
/// All shrinking and growing together moves at most 2 items for each one put in and 1 for each one taken out (3 where
/// tombstones arise, in maps and sets), whatever the order, plus a constant; provided that the room grows by putting
/// in alone, as every `reserve` ahead of need is one more reason to shrink (`extend` of a map reserves for keys that it
/// already has, too). The proof is that of dynamic tables
/// (Cormen, Leiserson, Rivest and Stein, *Introduction to Algorithms*, "Table expansion and contraction"): let Φ =
/// 2·n − c where n ≥ c/2 and c/2 − n below, never negative.
///
/// - Putting an item in raises Φ by 2 at most, taking one out by 1.
/// - Growth moves n = c items and doubles c. Φ was c and is 0: it pays for all of them.
/// - Shrinking moves n items, from c to c' with 2·n < c' and 2·c' ≤ c + 1. Φ falls by (c − c')/2, which is
///   at least (c' − 1)/2 and so at least n.
/// - In a hash table with t tombstones take Φ + 2·t, which taking out raises by 3 at most. A rehash in place moves
///   n ≤ c/2 ≤ t items (hashbrown does it only then) and t becomes 0. Growth happens at n + t = c with n > c/2; it moves
///   n items while Φ + 2·t goes from c to c − n.
///
/// One call may still take long: it moves all that is left, and until it returns both rooms exist. The new one is
/// allocated, and std ends a program that is refused it: this is nothing to do where memory has run out.
///
/// # Maps and sets
///
/// `capacity()` is the number of items plus what may still be put in. Removing may leave a tombstone, a slot
/// that counts as used until an insertion happens on it or the table is rebuilt, so `capacity()` falls while the table
/// stays: `len() * 4 < capacity()` overlooks sparse tables, and std offers no way to ask for the slots. But `shrink_to`
/// compares slots with slots: a table has 2^k of them, 7/8 of which are its room, and `shrink_to(m)` acts if m fits into
/// half of them (hashbrown, `src/raw.rs`, `RawTable::shrink_to` and `capacity_to_buckets`). With m = 2·n + 1 that is
/// the 25 % rule, to the item, by the true size of the table. What follows from this:
///
/// - Afterwards the table stands between a quarter and a half: at a half if each removal was followed by a call.
/// - It rests on std's table being hashbrown's. std promises that `shrink_to` keeps the limit, and no more; a test
///   fails if it should ever judge by `capacity()`.
/// - Tombstones of a table that is not sparse stay. Only a rebuild removes them.
/// - All keys that are left are hashed again.
pub trait ShrinkSparse {
    /// Shrinks below 25 % to about 50 %, with a floor of 4 KiB.
    #[inline]
    fn shrink_sparse(&mut self) {
        self.shrink_below(Density::QUARTER);
    }

    /// The same with another threshold or floor.
    fn shrink_below(&mut self, least: Density);
}

/// How much of its room a collection must use to keep it: below that it shrinks, to twice that density.
///
/// A lower threshold keeps more and moves less. The bound of [`ShrinkSparse`] holds for all of them: the
/// room after shrinking is at least twice the number of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Density {
    /// Items' worth of room that is kept for each item; half the inverse of the threshold.
    room_per_item: usize,
    floor_bytes: usize,
}

impl Density {
    /// Shrinks below 25 %, to 50 %. The threshold with the least memory for which the bound can be promised.
    pub const QUARTER: Density = Density { room_per_item: 2, floor_bytes: 4 << 10 };
    /// Shrinks below 12.5 %, to 25 %.
    pub const EIGHTH: Density = Density { room_per_item: 4, floor_bytes: 4 << 10 };
    /// Shrinks below 6.25 %, to 12.5 %.
    pub const SIXTEENTH: Density = Density { room_per_item: 8, floor_bytes: 4 << 10 };

    /// With another floor, in bytes: room that is kept in any case, because giving back less is not worth the
    /// work. An emptied collection holds less than twice the floor; or, where that is more, room for one item, which in
    /// a table is four slots.
    ///
    /// ```
    /// use alloc_tracer::shrink::{Density, ShrinkSparse};
    ///
    /// let mut request = Vec::with_capacity(1 << 20);
    /// request.push(1_u8);
    /// request.shrink_below(Density::EIGHTH.with_floor(64 << 10));
    /// assert_eq!(request.capacity(), 64 << 10);
    /// ```
    #[must_use]
    pub const fn with_floor(self, bytes: usize) -> Density {
        Density { room_per_item: self.room_per_item, floor_bytes: bytes }
    }

    /// The room to shrink to, in items.
    #[inline]
    fn room(self, items: usize, floor: usize) -> usize {
        items.saturating_mul(self.room_per_item).saturating_add(1).max(floor)
    }

    /// The room of a buffer to shrink to, if that halves it.
    #[inline]
    fn smaller_buffer(self, items: usize, capacity: usize, item_bytes: usize) -> Option<usize> {
        let room = self.room(items, self.floor_bytes / item_bytes.max(1));
        (room <= capacity.div_ceil(2)).then_some(room)
    }

    /// The room of a hash table to shrink to, if that halves its slots. A slot takes one byte more than its item, and the
    /// floor is the room of the largest table that it can hold.
    #[inline]
    fn table(self, items: usize, item_bytes: usize) -> usize {
        let slots = self.floor_bytes / (item_bytes + 1);
        let floor = slots.checked_ilog2().map_or(0, |power| (1 << power) / 8 * 7);
        self.room(items, floor)
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> ShrinkSparse for HashMap<K, V, S> {
    #[inline]
    fn shrink_below(&mut self, least: Density) {
        self.shrink_to(least.table(self.len(), size_of::<(K, V)>()));
    }
}

impl<T: Eq + Hash, S: BuildHasher> ShrinkSparse for HashSet<T, S> {
    #[inline]
    fn shrink_below(&mut self, least: Density) {
        self.shrink_to(least.table(self.len(), size_of::<T>()));
    }
}

impl<T> ShrinkSparse for Vec<T> {
    #[inline]
    fn shrink_below(&mut self, least: Density) {
        if let Some(room) = least.smaller_buffer(self.len(), self.capacity(), size_of::<T>()) {
            self.shrink_to(room);
        }
    }
}

impl<T> ShrinkSparse for VecDeque<T> {
    #[inline]
    fn shrink_below(&mut self, least: Density) {
        if let Some(room) = least.smaller_buffer(self.len(), self.capacity(), size_of::<T>()) {
            self.shrink_to(room);
        }
    }
}

impl<T> ShrinkSparse for BinaryHeap<T> {
    #[inline]
    fn shrink_below(&mut self, least: Density) {
        if let Some(room) = least.smaller_buffer(self.len(), self.capacity(), size_of::<T>()) {
            self.shrink_to(room);
        }
    }
}

/// Length and capacity of a string are in bytes.
impl ShrinkSparse for String {
    #[inline]
    fn shrink_below(&mut self, least: Density) {
        if let Some(room) = least.smaller_buffer(self.len(), self.capacity(), 1) {
            self.shrink_to(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::super::std::format;
    use super::super::std::hash::Hasher;
    use super::super::std::rc::Rc;
    use super::*;

    /// Counts how often a key is hashed: once for each operation and once for each item that moves.
    #[derive(Clone, Default)]
    struct CountingHash {
        hashed: Rc<Cell<u64>>,
    }

    struct Mixed(u64);

    impl BuildHasher for CountingHash {
        type Hasher = Mixed;

        fn build_hasher(&self) -> Mixed {
            self.hashed.set(self.hashed.get() + 1);
            Mixed(0)
        }
    }

    impl Hasher for Mixed {
        fn write(&mut self, bytes: &[u8]) {
            bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
        }

        // The last steps of MurmurHash3, with the constants of Stafford's thirteenth variant.
        fn write_u64(&mut self, key: u64) {
            let mixed = (self.0 ^ key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            self.0 = mixed ^ (mixed >> 31);
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    type CountedMap = HashMap<u64, u64, CountingHash>;

    /// What a random sequence does to a collection of the numbers from `first` to before `next`, and what that
    /// moved. An item put in counts the moves of growth, whatever removes counts those of shrinking.
    trait Moved: ShrinkSparse {
        fn put(&mut self, number: u64);
        fn take(&mut self, number: u64);
        fn moved(&self) -> u64;
        fn shrink(&mut self, least: Density);
        /// Items and room, if the room can be known.
        fn fill(&self) -> (usize, Option<usize>);
    }

    impl Moved for CountedMap {
        fn put(&mut self, number: u64) {
            assert_eq!(self.insert(number, number), None);
            self.hasher().hashed.set(self.hasher().hashed.get() - 1);
        }
        fn take(&mut self, number: u64) {
            assert_eq!(self.remove(&number), Some(number));
            self.hasher().hashed.set(self.hasher().hashed.get() - 1);
        }
        fn moved(&self) -> u64 {
            self.hasher().hashed.get()
        }
        fn shrink(&mut self, least: Density) {
            self.shrink_below(least);
        }
        fn fill(&self) -> (usize, Option<usize>) {
            (self.len(), None)
        }
    }

    /// A queue, whose every change of room counts as if all items moved.
    #[derive(Default)]
    struct CountedQueue {
        items: VecDeque<u64>,
        moved: u64,
    }

    impl ShrinkSparse for CountedQueue {
        fn shrink_below(&mut self, least: Density) {
            let before = self.items.capacity();
            self.items.shrink_below(least);
            self.moved += if self.items.capacity() == before { 0 } else { self.items.len() as u64 };
        }
    }

    impl Moved for CountedQueue {
        fn put(&mut self, number: u64) {
            let (before, items) = (self.items.capacity(), self.items.len());
            self.items.push_back(number);
            self.moved += if self.items.capacity() == before { 0 } else { items as u64 };
        }
        fn take(&mut self, number: u64) {
            assert_eq!(self.items.pop_front(), Some(number));
        }
        fn moved(&self) -> u64 {
            self.moved
        }
        fn shrink(&mut self, least: Density) {
            self.shrink_below(least);
        }
        fn fill(&self) -> (usize, Option<usize>) {
            (self.items.len(), Some(self.items.capacity()))
        }
    }

    /// What small rooms may move beyond the bound: those of 3, 7 and 14 items do not quite double.
    const CONSTANT: u64 = 32;

    fn random_sequence(seed: u64, collection: &mut impl Moved, moves_per_take: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let least = [Density::QUARTER, Density::EIGHTH, Density::SIXTEENTH][random.usize(..3)];
        let least = least.with_floor(if random.bool() { 0 } else { random.usize(..4096) });
        let (mut first, mut next) = (0, 0);
        for _ in 0..random.usize(1..40) {
            // Runs of puts, of takes and of both; takes end in one call or have one each.
            let (run, kind, calls_each) = (random.u64(1..3000), random.u8(..4), random.bool());
            for _ in 0..run {
                let is_put = kind == 0 || (kind > 1 && random.bool()) || first == next;
                if is_put {
                    collection.put(next);
                    next += 1;
                } else {
                    collection.take(first);
                    first += 1;
                    if calls_each {
                        collection.shrink(least);
                    }
                }
            }
            collection.shrink(least);
            let (items, room) = collection.fill();
            assert_eq!(items as u64, next - first, "seed {seed}");
            if let Some(room) = room {
                let (used, kept) = (items * 2 * least.room_per_item, 2 * (least.floor_bytes / 8).max(1));
                assert!(used >= room || room < kept, "seed {seed}: {items} in {room} after {least:?}");
            }
            let bound = 2 * next + moves_per_take * first + CONSTANT;
            assert!(collection.moved() <= bound, "seed {seed}: {} > {bound}", collection.moved());
        }
    }

    #[test]
    fn no_sequence_moves_more_than_a_few_items_for_each_put_and_take() {
        for _ in 0..200 {
            let seed = fastrand::u64(..);
            random_sequence(seed, &mut CountedMap::default(), 3);
            random_sequence(seed, &mut CountedQueue::default(), 1);
        }
    }

    /// Calls the rule for every number of items in tables of this many slots, and checks where it acts.
    #[test]
    fn a_table_shrinks_below_a_quarter_to_the_item_and_then_has_half() {
        let least = Density::QUARTER.with_floor(0);
        for slots in [64_usize, 128, 1024] {
            let room = slots / 8 * 7;
            for items in 0..=room {
                let mut map: HashMap<usize, u8> = HashMap::with_capacity(room);
                map.extend((0..items).map(|key| (key, 0)));
                assert_eq!(map.capacity(), room);
                map.shrink_below(least);
                assert_eq!(map.capacity() < room, items * 4 < room, "{items} of {room}");
                assert!(items * 4 >= map.capacity() || map.capacity() < 8, "{items} in {}", map.capacity());
                assert!(items * 2 < map.capacity() || map.capacity() == room, "{items}");
                assert_eq!((0..items).filter(|key| map.contains_key(key)).count(), items);
            }
        }
    }

    #[test]
    fn a_table_whose_capacity_hides_it_behind_tombstones_shrinks_all_the_same() {
        let mut map = CountedMap::with_capacity_and_hasher(100_000, CountingHash::default());
        let room = map.capacity() as u64;
        (0..room).for_each(|number| map.put(number));
        // More than a quarter of what `capacity()` says is used, and less than a quarter of the room.
        let left = room / 4 - 1;
        (left..room).for_each(|number| map.take(number));
        assert!(map.len() * 4 >= map.capacity(), "no tombstones: {} of {}", map.len(), map.capacity());
        map.shrink_sparse();
        assert_eq!(map.moved(), left);
        assert_eq!(map.capacity() as u64, room / 2);
    }

    #[test]
    fn what_is_not_sparse_or_not_above_the_floor_is_left_alone() {
        let mut quarter: Vec<u64> = Vec::with_capacity(4096);
        quarter.resize(1024, 0);
        let mut small: Vec<u64> = Vec::with_capacity(1022);
        let mut nothing: Vec<()> = Vec::new();
        let mut unallocated: HashMap<u64, u64> = HashMap::new();
        quarter.shrink_sparse();
        small.shrink_sparse();
        nothing.shrink_sparse();
        unallocated.shrink_sparse();
        assert_eq!((quarter.capacity(), small.capacity(), unallocated.capacity()), (4096, 1022, 0));
    }

    #[test]
    fn every_collection_shrinks_and_keeps_its_items() {
        let numbers = || (0..10_000_u32).rev();
        let mut vector: Vec<u32> = numbers().collect();
        let mut queue: VecDeque<u32> = numbers().collect();
        let mut heap: BinaryHeap<u32> = numbers().collect();
        let mut set: HashSet<u32> = numbers().collect();
        let mut text = String::from_iter(numbers().map(|_| 'ä'));
        vector.drain(..8_000);
        queue.drain(..8_000);
        heap.retain(|number| *number < 2_000);
        set.retain(|number| *number < 2_000);
        text.truncate(4_000);
        vector.shrink_sparse();
        queue.shrink_sparse();
        heap.shrink_sparse();
        set.shrink_sparse();
        text.shrink_sparse();
        assert_eq!((vector.capacity(), queue.capacity(), heap.capacity()), (4_001, 4_001, 4_001));
        assert_eq!((set.capacity(), text.capacity()), (7_168, 8_001));
        assert!(vector.iter().copied().eq((0..2_000).rev()) && queue.iter().eq(&vector));
        assert!(heap.into_sorted_vec().into_iter().eq(0..2_000));
        assert!((0..2_000).all(|number| set.contains(&number)) && set.len() == 2_000);
        assert_eq!(format!("{text:.3}"), "äää");
    }
}
