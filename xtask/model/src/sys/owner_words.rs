//! Words that one thread writes and any thread reads: a load and a store, which is what one `add` to memory
//! without a lock prefix is to other threads. Two threads that took the same words for theirs lose counts.

use super::atomics::{AtomicU64, Ordering::Relaxed, Ordering::Release};

/// Words of which only the calling thread writes any.
///
/// # Safety
/// The type is made of `AtomicU64` at multiples of 8 bytes, wherever it is added to.
pub(crate) unsafe trait OwnerWords: Sync {}

pub(crate) fn add_as_owner<const OFFSET: usize>(words: &impl OwnerWords, amount: u64) {
    // SAFETY: by the trait's contract the offset names an atomic word inside `words`.
    let word = unsafe { &*core::ptr::from_ref(words).byte_add(OFFSET).cast::<AtomicU64>() };
    word.store(word.load(Relaxed).wrapping_add(amount), Release);
}

pub(crate) fn add_fixed_as_owner<const OFFSET: usize, const AMOUNT: i32>(words: &impl OwnerWords) {
    add_as_owner::<OFFSET>(words, i64::from(AMOUNT).cast_unsigned());
}
