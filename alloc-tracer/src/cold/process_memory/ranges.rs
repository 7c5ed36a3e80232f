//! Ranges of addresses that are looked for in mappings, and how much of them is in memory.
//! Names no owner. Broken by: tests below.

use core::ops::Range;

use crate::cold::std::prelude::rust_2024::*;

/// Ranges in order, none touching the next.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<Range<usize>>);

impl Ranges {
    pub(super) fn new(ranges: impl Iterator<Item = Range<usize>>) -> Ranges {
        let mut all: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
        all.sort_by_key(|range| range.start);
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(all.len());
        for range in all {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        Ranges(joined)
    }

    /// How many bytes of a mapping that has `resident_bytes` in memory are in memory and in these ranges.
    /// Of a mapping that is only partly theirs, the kernel is asked page by page; it counts the page of zeroes that
    /// was read and never written.
    pub(super) fn resident_bytes_of(&self, mapping: &Range<usize>, resident_bytes: u64) -> u64 {
        let first = self.0.partition_point(|range| range.end <= mapping.start);
        let within = self.0[first..].iter().take_while(|range| range.start < mapping.end);
        let parts = within.map(|range| range.start.max(mapping.start)..range.end.min(mapping.end));
        let (mut bytes, mut resident) = (0, 0);
        let parts: Vec<_> = parts.inspect(|part| bytes += part.len()).collect();
        if bytes == mapping.len() {
            return resident_bytes;
        }
        for part in parts {
            resident += pages_in_memory(&part);
        }
        resident.min(resident_bytes)
    }
}

/// Bytes of the range whose pages are in memory; none where the kernel does not say.
fn pages_in_memory(range: &Range<usize>) -> u64 {
    const PAGES_AT_ONCE: usize = 4096;
    // SAFETY: it only reads a constant of the system.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(1) as usize;
    let mut is_in_memory = [0_u8; PAGES_AT_ONCE];
    let mut pages = 0;
    let end = range.end.next_multiple_of(page_bytes);
    let mut at = range.start / page_bytes * page_bytes;
    while at < end {
        let bytes = (end - at).min(PAGES_AT_ONCE * page_bytes);
        let asked = bytes / page_bytes;
        // SAFETY: one byte is written per page, of which there are at most `PAGES_AT_ONCE`; an address that is not
        // mapped is an error, not a fault.
        let known = unsafe { libc::mincore(at as *mut _, bytes, is_in_memory.as_mut_ptr()) } == 0;
        if known {
            pages += is_in_memory[..asked].iter().filter(|page| *page & 1 != 0).count();
        }
        at += bytes;
    }
    (pages * page_bytes) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one() {
        let ranges = Ranges::new([30..40, 10..20, 20..25, 5..5, 12..14].into_iter());
        assert_eq!(ranges.0, [10..25, 30..40]);
    }

    #[test]
    fn a_mapping_that_is_all_theirs_counts_as_the_kernel_says_and_one_beside_it_not() {
        let ranges = Ranges::new([0x1000..0x2000, 0x2000..0x4000].into_iter());
        assert_eq!(ranges.resident_bytes_of(&(0x1000..0x4000), 8192), 8192);
        assert_eq!(ranges.resident_bytes_of(&(0x4000..0x5000), 4096), 0);
    }

    #[test]
    fn of_a_mapping_that_is_partly_theirs_only_their_pages_count() {
        const BYTES: usize = 16 << 12;
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address that the kernel chooses changes no other memory.
        let pages = unsafe { libc::mmap(core::ptr::null_mut(), BYTES, protection, flags, -1, 0) };
        assert_ne!(pages, libc::MAP_FAILED);
        for page in [1, 2, 9] {
            // SAFETY: the page lies in the mapping, which nobody else knows.
            unsafe { pages.cast::<u8>().add(page << 12).write(1) };
        }
        let start = pages.addr();
        let first_half = Ranges::new(core::iter::once(start..start + BYTES / 2));
        assert_eq!(first_half.resident_bytes_of(&(start..start + BYTES), 3 << 12), 2 << 12);
        // SAFETY: the whole mapping, which nobody uses any more.
        unsafe { libc::munmap(pages, BYTES) };
    }
}
