//! Rules of modules that may be unloaded, for one thread. Each is kept with what it was made from: the
//! entry of the module's search table, and a hash of the two records that the entry leads to. A rule
//! is a function of those bytes, so it holds while they are there, whatever came or went meanwhile:
//! they are read again each time. Broken by: `tests/plugins.rs`.

use core::ptr;
use core::slice;

use super::rule::PackedRule;
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

/// An entry of the search table: where a function begins and where its record is, from the header.
type Entry = [i32; 2];

impl PassingRules {
    /// The rule of a return address in the module with this section, if it is known and still holds.
    pub(crate) fn get(&self, return_address: usize, section: &UnwindSection) -> Option<PackedRule> {
        let kept = self.0.get(place_of(return_address))?;
        let is_kept = kept.return_address == return_address
            && kept.header == section.header
            && *search_table(section)?.get(kept.index as usize)? == kept.entry
            && records(section, kept.entry)? == kept.records;
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
        let table = search_table(section)?;
        let wanted =
            i32::try_from(return_address.wrapping_sub(1).cast_signed().checked_sub_unsigned(section.header)?);
        let wanted = wanted.ok()?;
        let index = table.partition_point(|[start, _]| *start <= wanted).checked_sub(1)?;
        let entry = *table.get(index)?;
        let records = records(section, entry)?;
        let header = section.header;
        Some(Kept { return_address, header, index: index as u32, rule, entry, records })
    }
}

fn place_of(return_address: usize) -> usize {
    return_address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (usize::BITS.wrapping_sub(PLACES.ilog2()))
}

/// Version 1, and the encodings that every linker writes: where `.eh_frame` is, as 4 bytes from here; the count,
/// as 4 bytes; the table, as pairs of 4 bytes from the header on.
const USUAL_FORM: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
const TABLE_OFFSET: usize = 12;

/// The search table of a module's section, if it has the usual form.
fn search_table(section: &UnwindSection) -> Option<&'static [Entry]> {
    let room = section.module_end.checked_sub(section.header)?.checked_sub(TABLE_OFFSET)?;
    if !section.header.is_multiple_of(align_of::<Entry>()) {
        return None;
    }
    // SAFETY: the module is in memory while a frame of it is on the stack, its header and its table are
    // in a segment that is mapped for reading, and this much of it is before the module's end.
    let (form, count) =
        unsafe { (*at::<[u8; 4]>(section.header), *at::<u32>(section.header.wrapping_add(8))) };
    if form != USUAL_FORM || (count as usize).saturating_mul(size_of::<Entry>()) > room {
        return None;
    }
    // SAFETY: as above; the module says that its table has so many entries, and it is aligned.
    Some(unsafe { slice::from_raw_parts(at(section.header.wrapping_add(TABLE_OFFSET)), count as usize) })
}

/// A hash of the record that an entry leads to and of the one that it shares with other functions.
fn records(section: &UnwindSection, [_, record]: Entry) -> Option<u64> {
    let own = section.header.checked_add_signed(record as isize)?;
    let own_bytes = record_at(section, own)?;
    // It begins with the distance to the record that it shares.
    let to_shared = u32::from_ne_bytes(*own_bytes.first_chunk()?);
    let shared_bytes = record_at(section, own.wrapping_add(4).checked_sub(to_shared as usize)?)?;
    Some(hash(hash(0, own_bytes), shared_bytes))
}

/// Longer records are not worth it, and a length of all ones would mean another format.
const MAX_RECORD_BYTES: u32 = 1024;

/// The record of an `.eh_frame` section at this address, without its length, if it is inside the module.
fn record_at(section: &UnwindSection, address: usize) -> Option<&'static [u8]> {
    let room = section.module_end.checked_sub(address)?.checked_sub(4)?;
    if address < section.module_start {
        return None;
    }
    // SAFETY: the module is in memory while a frame of it is on the stack; its own table says that a
    // record is here, and its length at least is before the module's end.
    let bytes = unsafe { at::<u32>(address).read_unaligned() };
    if bytes > MAX_RECORD_BYTES || bytes as usize > room {
        return None;
    }
    // SAFETY: as above; so many bytes follow the length, and they are before the module's end.
    Some(unsafe { slice::from_raw_parts(at(address.wrapping_add(4)), bytes as usize) })
}

fn at<T>(address: usize) -> *const T {
    ptr::with_exposed_provenance(address)
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
