//! Rules of modules that may be unloaded, for one thread. Each is kept with what it was made from: the
//! entry of the module's search table, and a hash of the two records that the entry leads to. A rule
//! is a function of those bytes, so it holds while they are there, whatever came or went meanwhile:
//! they are read again each time. Broken by: `tests/plugins.rs`.

use super::rule::PackedRule;
use super::tables::{Entry, Tables};
use crate::sys::modules::UnwindSection;

const PLACES: usize = 256;

/// 10 KiB, of which only used pages take up memory. All zeroes is empty.
pub(crate) struct PassingRules([Kept; PLACES]);

#[derive(Debug, Clone, Copy)]
struct Kept {
    return_address: usize,
    header: usize,
    index: u32,
    rule: PackedRule,
    entry: Entry,
    records: u64,
}

impl PassingRules {
    /// The rule of a return address in the module with this section, if it is known and still holds.
    pub(crate) fn get(&self, return_address: usize, section: &UnwindSection) -> Option<PackedRule> {
        let kept = self.0.get(place_of(return_address))?;
        let is_kept = kept.return_address == return_address
            && kept.header == section.header
            && kept.holds(&Tables::of(section)?)?;
        if is_kept { Some(kept.rule) } else { None }
    }

    /// Keeps a rule. The older one of its place makes room.
    pub(crate) fn put(&mut self, return_address: usize, section: &UnwindSection, rule: PackedRule) {
        if let Some(kept) = Kept::new(return_address, section, rule)
            && let Some(place) = self.0.get_mut(place_of(return_address))
        {
            *place = kept;
        }
    }
}

impl Kept {
    fn new(return_address: usize, section: &UnwindSection, rule: PackedRule) -> Option<Kept> {
        let tables = Tables::of(section)?;
        let (index, entry) = tables.entry_for(return_address.wrapping_sub(1))?;
        let (header, records) = (section.header, hash_of_records(&tables, entry)?);
        Some(Kept { return_address, header, index: index as u32, rule, entry, records })
    }

    /// Whether what the rule was made from is still there.
    fn holds(&self, tables: &Tables) -> Option<bool> {
        let entry = tables.entry(self.index as usize)?;
        Some(entry == self.entry && hash_of_records(tables, entry)? == self.records)
    }
}

fn place_of(return_address: usize) -> usize {
    return_address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (usize::BITS.wrapping_sub(PLACES.ilog2()))
}

/// A hash of the record that an entry leads to and of the one that it shares with other functions.
fn hash_of_records(tables: &Tables, entry: Entry) -> Option<u64> {
    let [own, shared] = tables.records(entry)?;
    Some(hash(hash(0, own.0), shared.0))
}

/// Bytes into 64 bits, by a multiplication whose upper half comes down for every 8 bytes.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        product as u64 ^ (product >> 64) as u64
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let hash =
        words.iter().fold(mix(seed, bytes.len() as u64), |hash, word| mix(hash, u64::from_ne_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}
