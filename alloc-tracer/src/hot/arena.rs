//! Entries that are handed out one by one, never move and are never given back, in the tracer's own
//! pages. Lock-free; readers on other threads see zeroes or what was written. Broken by: tests below.

use core::ptr::{self, NonNull};

use crate::sys::atomics::{
    AtomicPtr, AtomicU32, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::SeqCst,
};
use crate::sys::pages::{self, Part};

/// Types for which zeroed memory is a valid value and which may be used by all threads at once.
///
/// # Safety
/// - A value of all-zero bytes is valid.
/// - The type is `Sync`: every change goes through atomics.
/// - It has no drop glue.
pub(crate) unsafe trait Zeroed: Sync {}

/// Up to `CHUNKS << CHUNK_BITS` entries, in chunks of `1 << CHUNK_BITS` that are mapped when needed.
pub(crate) struct Arena<T, const CHUNK_BITS: u32, const CHUNKS: usize> {
    chunks: [AtomicPtr<T>; CHUNKS],
    len: AtomicU32,
    part: Part,
}

impl<T: Zeroed, const CHUNK_BITS: u32, const CHUNKS: usize> Arena<T, CHUNK_BITS, CHUNKS> {
    const CHUNK_BYTES: usize = size_of::<T>() << CHUNK_BITS;
    const CAPACITY: u64 = (CHUNKS as u64) << CHUNK_BITS;

    /// An arena whose first `reserved` entries exist from the start, zeroed.
    pub(crate) const fn with_reserved(reserved: u32, part: Part) -> Self {
        const { assert!(CHUNKS > 0 && Self::CAPACITY <= u32::MAX as u64 && Self::CHUNK_BYTES > 0) };
        let chunks = [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];
        Arena { chunks, len: AtomicU32::new(reserved), part }
    }

    /// A new zeroed entry with its index; `None` if the arena is full or memory is refused.
    pub(crate) fn push(&self) -> Option<(u32, &T)> {
        let mut index = self.len.load(Relaxed);
        loop {
            // The chunk is made before the index is taken, so that every index below `len` has one.
            let entry = self.get_or_map(index)?;
            match self.len.compare_exchange_weak(index, index.wrapping_add(1), SeqCst, Relaxed) {
                Ok(_) => return Some((index, entry)),
                Err(now) => index = now,
            }
        }
    }

    /// The entry with this index, mapping its chunk if it is one of the reserved entries.
    pub(crate) fn get_or_map(&self, index: u32) -> Option<&T> {
        let slot = self.chunks.get((index >> CHUNK_BITS) as usize)?;
        if slot.load(Acquire).is_null() {
            let fresh = pages::map(Self::CHUNK_BYTES, self.part)?;
            let raced = slot.compare_exchange(ptr::null_mut(), fresh.cast().as_ptr(), AcqRel, Acquire);
            if raced.is_err() {
                // SAFETY: `fresh` comes from `map` just above with this size and part; nobody else saw it.
                unsafe { pages::unmap(fresh, Self::CHUNK_BYTES, self.part) };
            }
        }
        self.get(index)
    }

    /// The entry with this index, if its chunk exists.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        let chunk = NonNull::new(self.chunks.get((index >> CHUNK_BITS) as usize)?.load(Acquire))?;
        let within = index & (1_u32 << CHUNK_BITS).wrapping_sub(1);
        // SAFETY: a chunk has `1 << CHUNK_BITS` entries and `within` is below that; pages are
        // aligned for any `T`, zeroed, which `Zeroed` makes a valid value, and never given back.
        Some(unsafe { chunk.add(within as usize).as_ref() })
    }

    /// How many entries were handed out, the reserved ones included. In one order for all with `push`: who
    /// makes a change known and then changes all entries up to here misses none whose owner does not know of it.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU64;

    // SAFETY: zero is a valid AtomicU64, which is Sync and has no drop glue.
    unsafe impl Zeroed for AtomicU64 {}

    #[test]
    fn a_full_arena_says_so_and_keeps_what_it_has() {
        let arena: Arena<AtomicU64, 2, 2> = Arena::with_reserved(1, Part::CallTree);
        for expected in 1..8 {
            let (index, entry) = arena.push().unwrap();
            assert_eq!(index, expected);
            entry.store(u64::from(index), Relaxed);
        }
        assert!(arena.push().is_none());
        assert_eq!(arena.len(), 8);
        assert_eq!(arena.get(5).unwrap().load(Relaxed), 5);
    }

    #[test]
    fn threads_that_push_at_once_get_different_entries() {
        extern crate std;
        static ARENA: Arena<AtomicU64, 6, 64> = Arena::with_reserved(0, Part::CallTree);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        ARENA.push().unwrap().1.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        assert_eq!(ARENA.len(), 4000);
        assert!((0..4000).all(|index| ARENA.get(index).unwrap().load(Relaxed) == 1));
    }
}
