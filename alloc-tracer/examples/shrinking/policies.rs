//! A map and a vector, the ways of shrinking them after each removal, and how many items that moves. Names no workload.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;

use alloc_tracer::shrink::ShrinkSparse;

/// What is done after each removal.
#[derive(Clone, Copy)]
pub(crate) enum Policy {
    Never,
    /// The library's 25 % rule.
    ShrinkSparse,
    /// `shrink_to_fit`, always.
    FitAlways,
    /// `shrink_to_fit` where less than half of the capacity is used.
    FitAtHalf,
    /// A new collection of exactly what is left, where less than a quarter of the capacity is used.
    Rebuild,
}

/// A collection under a policy. The bytes that it holds are what the tracer counts.
pub(crate) trait Collection {
    fn put(&mut self, number: u64);
    fn take(&mut self, policy: Policy);
    fn len(&self) -> usize;
    /// How many items all growing and shrinking have moved.
    fn moved(&self) -> u64;
}

const ITEM_BYTES: usize = 56;

thread_local! {
    static HASHED: Cell<u64> = const { Cell::new(0) };
}

/// A fixed hasher, so that tombstones arise at the same places each time. It counts: a key is hashed once for each
/// operation and once for each move.
#[derive(Default)]
pub(crate) struct Counting(u64);

impl Hasher for Counting {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    // The last steps of MurmurHash3, with the constants of Stafford's thirteenth variant.
    fn write_u64(&mut self, key: u64) {
        HASHED.set(HASHED.get() + 1);
        let mixed = (self.0 ^ key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = mixed ^ (mixed >> 31);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Keys in ascending order; the oldest is taken first.
#[derive(Default)]
pub(crate) struct Map {
    items: HashMap<u64, [u8; ITEM_BYTES], BuildHasherDefault<Counting>>,
    oldest: u64,
    operations: u64,
    hashed_before: u64,
}

impl Map {
    pub(crate) fn new() -> Self {
        Map { hashed_before: HASHED.get(), ..Map::default() }
    }
}

impl Collection for Map {
    fn put(&mut self, number: u64) {
        self.operations += 1;
        self.items.insert(number, [number as u8; ITEM_BYTES]);
    }

    fn take(&mut self, policy: Policy) {
        self.operations += 1;
        self.items.remove(&self.oldest);
        self.oldest += 1;
        match policy {
            Policy::Never => {}
            Policy::ShrinkSparse => self.items.shrink_sparse(),
            Policy::FitAlways => self.items.shrink_to_fit(),
            Policy::FitAtHalf if self.items.len() * 2 < self.items.capacity() => self.items.shrink_to_fit(),
            Policy::Rebuild if self.items.len() * 4 < self.items.capacity() => {
                self.items = mem::take(&mut self.items).into_iter().collect();
            }
            Policy::FitAtHalf | Policy::Rebuild => {}
        }
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn moved(&self) -> u64 {
        HASHED.get() - self.hashed_before - self.operations
    }
}

/// A stack: the youngest is taken first. Whenever the room changes all items count as moved, although the allocator can
/// sometimes spare that.
#[derive(Default)]
pub(crate) struct Stack {
    items: Vec<[u8; ITEM_BYTES + 8]>,
    moved: u64,
}

impl Stack {
    fn count_moves(&mut self, change: impl FnOnce(&mut Vec<[u8; ITEM_BYTES + 8]>)) {
        let (room, items) = (self.items.capacity(), self.items.len());
        change(&mut self.items);
        self.moved += if self.items.capacity() == room { 0 } else { items as u64 };
    }
}

impl Collection for Stack {
    fn put(&mut self, number: u64) {
        self.count_moves(|items| items.push([number as u8; ITEM_BYTES + 8]));
    }

    fn take(&mut self, policy: Policy) {
        self.items.pop();
        self.count_moves(|items| match policy {
            Policy::Never => {}
            Policy::ShrinkSparse => items.shrink_sparse(),
            Policy::FitAlways => items.shrink_to_fit(),
            Policy::FitAtHalf if items.len() * 2 < items.capacity() => items.shrink_to_fit(),
            Policy::Rebuild if items.len() * 4 < items.capacity() => *items = items.to_vec(),
            Policy::FitAtHalf | Policy::Rebuild => {}
        });
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn moved(&self) -> u64 {
        self.moved
    }
}
