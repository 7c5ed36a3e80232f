//! The memory that a walk finds: a thread's own stack and another one, with pages around each that cannot be
//! touched. Whoever reads outside faults there, and tells that way.
//!
//! ```text
//!    no access | own stack, 4 pages | no access | other stack, 72 pages | no access
//!                 ^low    top^      each of these may be taken away and given back
//! ```

use core::ptr;

use crate::sys::stack::Bounds;

pub(super) const PAGE_BYTES: usize = 4096;
pub(super) const WORDS_PER_PAGE: usize = PAGE_BYTES / 8;
pub(super) const OWN_WORDS: usize = 4 * WORDS_PER_PAGE;
/// More than a walk may ask for on a stack that it does not know.
const OTHER_PAGES: usize = 72;
pub(super) const OTHER_WORDS: usize = OTHER_PAGES * WORDS_PER_PAGE;
const GAP_BYTES: usize = 16 * PAGE_BYTES;
const OWN_AT: usize = GAP_BYTES;
const OTHER_AT: usize = OWN_AT + 8 * OWN_WORDS + GAP_BYTES;
const ALL_BYTES: usize = OTHER_AT + 8 * OTHER_WORDS + GAP_BYTES;

/// A mapping of its own.
pub(super) struct Memory {
    start: usize,
    is_there: [bool; OTHER_PAGES],
    pub(super) bounds: Bounds,
}

impl Memory {
    /// Zeroed, and the thread's stack ends so many words below the last page that can be touched.
    pub(super) fn new(spare_words: usize) -> Memory {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping where the kernel wants it changes no other memory.
        let start = unsafe { libc::mmap(ptr::null_mut(), ALL_BYTES, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        let start = start.expose_provenance();
        let (low, end) = (start + OWN_AT, start + OWN_AT + 8 * OWN_WORDS);
        let bounds = Bounds { low, top: end - 8 * spare_words };
        let memory = Memory { start, is_there: [true; OTHER_PAGES], bounds };
        memory.allow(OWN_AT, 8 * OWN_WORDS, true);
        memory.allow(OTHER_AT, 8 * OTHER_WORDS, true);
        memory
    }

    fn allow(&self, at: usize, bytes: usize, is_allowed: bool) {
        let protection = if is_allowed { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
        let start = ptr::with_exposed_provenance_mut(self.start + at);
        // SAFETY: the pages are of this mapping, to which nothing holds a reference.
        assert_eq!(unsafe { libc::mprotect(start, bytes, protection) }, 0);
    }

    /// Where a word of the own stack is.
    pub(super) fn own(&self, word: usize) -> usize {
        self.start + OWN_AT + 8 * (word % OWN_WORDS)
    }

    /// Where a word of the other stack is.
    pub(super) fn other(&self, word: usize) -> usize {
        self.start + OTHER_AT + 8 * (word % OTHER_WORDS)
    }

    /// An address between the two that cannot be touched.
    pub(super) fn nowhere(&self, offset: usize) -> usize {
        self.start + OTHER_AT - GAP_BYTES + offset
    }

    /// Takes a page of the other stack away, with what is in it, or gives it back.
    pub(super) fn turn(&mut self, page: usize) {
        let page = page % OTHER_PAGES;
        self.is_there[page] = !self.is_there[page];
        self.allow(OTHER_AT + page * PAGE_BYTES, PAGE_BYTES, self.is_there[page]);
    }

    /// Whether the byte can be read.
    pub(super) fn has(&self, address: usize) -> bool {
        let Some(at) = address.checked_sub(self.start) else { return false };
        let is_own = (OWN_AT..OWN_AT + 8 * OWN_WORDS).contains(&at);
        let page = at.checked_sub(OTHER_AT).map(|at| at / PAGE_BYTES);
        is_own || page.and_then(|page| self.is_there.get(page)).is_some_and(|is_there| *is_there)
    }

    /// Writes a word, if it is there.
    pub(super) fn write(&mut self, address: usize, value: usize) {
        if self.has(address) && address.is_multiple_of(8) {
            // SAFETY: aligned, and on a page of this mapping that may be written.
            unsafe { ptr::with_exposed_provenance_mut::<usize>(address).write_volatile(value) };
        }
    }

    /// Reads a word that is there.
    pub(super) fn read(&self, address: usize) -> usize {
        assert!(self.has(address) && address.is_multiple_of(8));
        // SAFETY: aligned, and on a page of this mapping that may be read.
        unsafe { ptr::with_exposed_provenance::<usize>(address).read_volatile() }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, to which nothing holds a reference.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(self.start), ALL_BYTES) };
    }
}
