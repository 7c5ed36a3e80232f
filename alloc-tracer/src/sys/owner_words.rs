//! Words that one thread writes and any thread reads, added to without a locked instruction.
//! Broken by: `tests/interrupted/signals.rs`, `tests/exact_counts.rs`.

#[cfg(any(not(target_arch = "x86_64"), miri))]
use super::atomics::{AtomicU64, Ordering::Release};

/// Words of which only the calling thread writes any.
///
/// # Safety
/// The type is made of `AtomicU64` at multiples of 8 bytes, wherever it is added to.
pub(crate) unsafe trait OwnerWords: Sync {}

/// Adds to the word at byte offset `OFFSET`, which only the calling thread writes.
///
/// One instruction without a lock prefix: a signal handler that allocates on the same thread comes
/// before or after it, never between its load and its store, so no count is lost; other threads
/// read either value.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) fn add_as_owner<const OFFSET: usize>(words: &impl OwnerWords, amount: u64) {
    // SAFETY: by the trait's contract the offset names a word inside `words`, aligned. No other thread
    // writes it; others read it with single 8-byte loads, which cannot tear on x86-64. An asm block
    // is as opaque to the compiler as an atomic operation.
    unsafe {
        core::arch::asm!(
            "add qword ptr [{words} + {OFFSET}], {amount}",
            words = in(reg) words,
            amount = in(reg) amount,
            OFFSET = const OFFSET,
            options(nostack),
        );
    }
}

/// As [`add_as_owner`], for an amount that is known in advance: it takes up no register.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) fn add_fixed_as_owner<const OFFSET: usize, const AMOUNT: i32>(words: &impl OwnerWords) {
    // SAFETY: as in `add_as_owner`.
    unsafe {
        core::arch::asm!(
            "add qword ptr [{words} + {OFFSET}], {AMOUNT}",
            words = in(reg) words,
            OFFSET = const OFFSET,
            AMOUNT = const AMOUNT,
            options(nostack),
        );
    }
}

#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(always)]
pub(crate) fn add_as_owner<const OFFSET: usize>(words: &impl OwnerWords, amount: u64) {
    // SAFETY: by the trait's contract the offset names an atomic word inside `words`.
    let word = unsafe { &*core::ptr::from_ref(words).byte_add(OFFSET).cast::<AtomicU64>() };
    word.fetch_add(amount, Release);
}

#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(always)]
pub(crate) fn add_fixed_as_owner<const OFFSET: usize, const AMOUNT: i32>(words: &impl OwnerWords) {
    add_as_owner::<OFFSET>(words, i64::from(AMOUNT).cast_unsigned());
}
