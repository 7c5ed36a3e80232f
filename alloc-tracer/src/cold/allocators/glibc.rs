//! glibc's malloc. Broken by: `tests/process_memory/`.

use core::mem::transmute;
use core::ptr::NonNull;

use super::AllocatorMemory;
use crate::cold::stats::stats;

pub(super) const NAME: &str = "glibc";

/// Whether blocks may be glibc's. There is no way to ask for a block, so it is what remains where no other
/// known allocator owns it, unless the figures say that it cannot be: what is live would have to be in use.
pub(super) fn may_be_inner() -> bool {
    let (before, memory, after) = (stats(), memory(), stats());
    // Other threads go on meanwhile, and each may be off by what it has not told yet.
    let surely_live = before.live_bytes.min(after.live_bytes).saturating_sub(after.peak_error_bytes);
    memory.is_some_and(|memory| memory.in_use_bytes >= Some(surely_live))
}

/// `arena` is what the heaps have from the system and `hblkhd` what large blocks have, each a mapping of its
/// own; `uordblks` is in use of the heaps, `fordblks` free. Over all arenas.
/// Source: glibc manual, "Statistics for Memory Allocation with malloc"; malloc/malloc.c, `int_mallinfo`.
pub(super) fn memory() -> Option<AllocatorMemory> {
    type Mallinfo2 = unsafe extern "C" fn() -> libc::mallinfo2;
    // By its name while the program runs: glibc before 2.33 has none, and the older `mallinfo` counts to 2 GiB.
    // SAFETY: RTLD_DEFAULT with a NUL-terminated name is a valid query; the result may be null.
    let found = NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr()) })?;
    // SAFETY: glibc defines `mallinfo2` with this prototype.
    let mallinfo2: Mallinfo2 = unsafe { transmute(found) };
    // SAFETY: it has no preconditions. It locks one arena after the other, and waits for a thread that holds one.
    let figures = unsafe { mallinfo2() };
    Some(AllocatorMemory {
        name: NAME,
        from_system_bytes: (figures.arena + figures.hblkhd) as u64,
        in_use_bytes: Some((figures.uordblks + figures.hblkhd) as u64),
        free_bytes: Some(figures.fordblks as u64),
        returned_bytes: None,
    })
}

/// Gives back the end of every heap and every whole page inside it that is free.
/// Source: malloc/malloc.c, `mtrim`.
pub(super) fn release() {
    // SAFETY: it has no preconditions.
    unsafe { libc::malloc_trim(0) };
}
