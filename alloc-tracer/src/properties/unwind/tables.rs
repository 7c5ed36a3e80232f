//! Any bytes are read as a module's unwind tables: to an end, inside the module, without allocating, with the
//! same answer each time; and a rule that is kept with its records holds until they change.

use core::ptr;

use super::super::passing_rules::PassingRules;
use super::super::program::rule_at;
use super::super::rule::Rule;
use super::super::stack_use::StackUse;
use super::gimlis_rows;
use super::memory::PAGE_BYTES;
use crate::cold::std::boxed::Box;
use crate::properties::{Allocations, Input};
use crate::sys::modules::UnwindSection;

/// Where `.eh_frame_hdr` lies in the module, the distance from there to the code address, and a byte of
/// the module to change; the rest are the module's bytes.
pub fn any_unwind_table_is_read(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (header, distance, changed) = (input.u16(), input.u32().cast_signed(), input.u16());
    let mut module = Module::new(input.rest());
    let Some(header) = module.start.checked_add(header.into()).filter(|header| *header <= module.end) else {
        return;
    };
    let section = UnwindSection { header, module_start: module.start, module_end: module.end, stays: false };
    let address = header.wrapping_add_signed(distance as isize);

    let rule_now = || rule_at(address, &section, &mut StackUse::default());
    let allocations = Allocations::from_here();
    let rule = rule_now();
    assert_eq!(rule_now(), rule, "asked again");
    assert_eq!(allocations.calls(), 0, "a look into the tables allocates nothing");
    if rule != Rule::Unknown
        && let Some(theirs) = gimlis_rows::rule(address, &section)
    {
        assert_eq!(rule, theirs, "gimli reads the same record otherwise");
    }

    // SAFETY: zeroes are an empty cache: plain numbers.
    let mut kept: Box<PassingRules> = unsafe { Box::new_zeroed().assume_init() };
    let return_address = address.wrapping_add(1);
    assert_eq!(kept.get(return_address, &section), None);
    kept.put(return_address, &section, rule.pack());
    let is_kept = kept.get(return_address, &section);
    assert!(is_kept.is_none_or(|kept| kept == rule.pack()), "another rule was kept");
    module.change(changed.into());
    let now = rule_now();
    let still_kept = kept.get(return_address, &section);
    if rule != Rule::Unknown && now == Rule::Unknown && still_kept.is_some() {
        // Only what leads to the entry may have changed: the records must still give the rule.
        module.change(changed.into());
        assert_eq!(rule_now(), rule);
    }
}

/// The bytes of a module, up against a page that cannot be touched, with another such page below.
struct Module {
    mapping: usize,
    mapping_bytes: usize,
    start: usize,
    end: usize,
}

impl Module {
    fn new(bytes: &[u8]) -> Module {
        let room = bytes.len().next_multiple_of(PAGE_BYTES);
        let mapping_bytes = room + 2 * PAGE_BYTES;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping where the kernel wants it changes no other memory.
        let mapping = unsafe { libc::mmap(ptr::null_mut(), mapping_bytes, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(mapping, libc::MAP_FAILED);
        let mapping = mapping.expose_provenance();
        let end = mapping + PAGE_BYTES + room;
        let start = end - bytes.len();
        if room > 0 {
            let pages = ptr::with_exposed_provenance_mut(mapping + PAGE_BYTES);
            // SAFETY: the pages are of this mapping, to which nothing holds a reference.
            assert_eq!(unsafe { libc::mprotect(pages, room, libc::PROT_READ | libc::PROT_WRITE) }, 0);
        }
        // SAFETY: so many bytes at the end of these pages, which nothing else uses.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), ptr::with_exposed_provenance_mut(start), bytes.len())
        };
        Module { mapping, mapping_bytes, start, end }
    }

    /// Changes a byte; the second time back to what it was.
    fn change(&mut self, at: usize) {
        let at = self.start + at;
        if at < self.end {
            let byte = ptr::with_exposed_provenance_mut::<u8>(at);
            // SAFETY: a byte of the module, to which nothing holds a reference now.
            unsafe { byte.write_volatile(!byte.read_volatile()) };
        }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, to which nothing holds a reference.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(self.mapping), self.mapping_bytes) };
    }
}
