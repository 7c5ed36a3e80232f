//! Where the C library is not glibc: nothing is known of its allocator.

use super::AllocatorMemory;

pub(super) const NAME: &str = "the C library";

pub(super) fn may_be_inner() -> bool {
    false
}

pub(super) fn memory() -> Option<AllocatorMemory> {
    None
}

pub(super) fn release() {}
