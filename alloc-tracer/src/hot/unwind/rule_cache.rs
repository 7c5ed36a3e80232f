//! Rules by return address, one word each, shared by all threads: the address is scrambled by a
//! multiplication that can be undone, so the upper bits choose a pair of words and the lower bits,
//! kept in the word, leave no doubt whose rule it is. Broken by: the tests below.

use core::ptr::{self, NonNull};

use super::rule::{PackedRule, RULE_BITS};
use crate::sys::atomics::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use crate::sys::pages::{self, Part};

const SET_BITS: u32 = 15;
const ADDRESS_BITS: u32 = 48;
const TAG_BITS: u32 = ADDRESS_BITS - SET_BITS;
const _: () = assert!(TAG_BITS + RULE_BITS == 64);
const CACHE_BYTES: usize = (2 << SET_BITS) * size_of::<AtomicU64>();

/// Two words per set; 512 KiB, of which only used pages take up memory.
static SETS: AtomicPtr<[AtomicU64; 2]> = AtomicPtr::new(ptr::null_mut());

/// Makes the cache. Without memory for it every look-up fails and stacks are lost, marked.
pub(crate) fn prepare() {
    if let Some(pages) = pages::map(CACHE_BYTES, Part::UnwindRules) {
        SETS.store(pages.cast().as_ptr(), Release);
    }
}

/// The two words where this address's rule may stand, and its tag in place. Of an address only the lower
/// 48 bits count: no program has return addresses with others.
#[inline(always)]
fn set_of(address: usize) -> Option<(&'static [AtomicU64; 2], u64)> {
    // Multiplication by an odd number modulo 2^48, here in the upper 48 bits, is a permutation.
    let scrambled = ((address as u64) << OTHER_BITS).wrapping_mul(0x9E37_79B9_7F4B);
    let sets = NonNull::new(SETS.load(Acquire))?;
    // SAFETY: `prepare` mapped `1 << SET_BITS` sets, zeroed and for ever; the index has that many bits.
    let set = unsafe { sets.add((scrambled >> (64 - SET_BITS)) as usize).as_ref() };
    Some((set, scrambled << SET_BITS))
}

const OTHER_BITS: u32 = 64 - ADDRESS_BITS;
const RULE_MASK: u64 = (1 << RULE_BITS) - 1;

/// The rule of a return address, if it is known.
#[inline(always)]
pub(crate) fn get(address: usize) -> Option<PackedRule> {
    let (set, tag) = set_of(address)?;
    // A word without a rule is zero: its tag may be right by chance, but no rule is zero.
    let found = |word: u64| {
        let rule = word ^ tag;
        if rule.wrapping_sub(1) < RULE_MASK { Some(PackedRule(rule as u32)) } else { None }
    };
    let [first, second] = set;
    match found(first.load(Relaxed)) {
        Some(rule) => Some(rule),
        None => found(second.load(Relaxed)),
    }
}

/// Remembers a rule; the older one of the pair makes room.
pub(crate) fn put(address: usize, rule: PackedRule) {
    if let Some(([first, second], tag)) = set_of(address) {
        second.store(first.load(Relaxed), Relaxed);
        first.store(tag | u64::from(rule.0), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::Rule;
    use super::*;

    #[test]
    fn addresses_that_share_a_set_are_told_apart() {
        prepare();
        let rule = |n: usize| {
            Rule::FromStackPointer { cfa_offset: (n as u32 % 1000) * 8, saved_frame_pointer: None }.pack()
        };
        let count = if cfg!(miri) { 500 } else { 100_000_usize };
        let mut known = 0;
        for n in 0..count {
            let address = 0x5555_0000_0000 + n * 37;
            put(address, rule(n));
            assert_eq!(get(address), Some(rule(n)));
        }
        for n in 0..count {
            if let Some(found) = get(0x5555_0000_0000 + n * 37) {
                assert_eq!(found, rule(n));
                known += 1;
            }
        }
        assert!(known > count * 3 / 10, "only {known} of 65,536 places are used");
    }
}
