//! mimalloc, versions 2 and 3. Built without statistics, as the crate `mimalloc` builds it, it does not count
//! what it has handed out. Source: mimalloc.h. Broken by: `tests/process_memory/`.

use core::ffi::c_void;
use core::mem::transmute;
use core::ptr::{self, NonNull};

use super::AllocatorMemory;
use super::optional_symbol::optional_symbol;

pub(super) const NAME: &str = "mimalloc";

pub(super) fn owns(block: NonNull<u8>) -> bool {
    type IsInHeapRegion = unsafe extern "C" fn(*const c_void) -> bool;
    let address = optional_symbol!("mi_is_in_heap_region");
    // SAFETY: 0 is `None`; else it is the address of mimalloc's function of this prototype.
    let is_in_heap_region = unsafe { transmute::<usize, Option<IsInHeapRegion>>(address) };
    // SAFETY: any pointer may be asked for; the look-up goes by the address alone.
    is_in_heap_region.is_some_and(|ask| unsafe { ask(block.as_ptr().cast()) })
}

/// Committed is what may be written of its reservations.
pub(super) fn memory() -> Option<AllocatorMemory> {
    // Times in milliseconds (elapsed, user, system); resident bytes now and at most; committed bytes now and at
    // most; page faults.
    type ProcessInfo = unsafe extern "C" fn(
        *mut usize,
        *mut usize,
        *mut usize,
        *mut usize,
        *mut usize,
        *mut usize,
        *mut usize,
        *mut usize,
    );
    let address = optional_symbol!("mi_process_info");
    // SAFETY: as in `owns`.
    let process_info = unsafe { transmute::<usize, Option<ProcessInfo>>(address) }?;
    let mut committed = 0_usize;
    let none = ptr::null_mut;
    // SAFETY: every pointer may be null, and `committed` is a live word.
    unsafe { process_info(none(), none(), none(), none(), none(), &raw mut committed, none(), none()) };
    // It keeps the figure as a signed one, which may be below zero for a moment.
    let from_system_bytes = u64::try_from(committed.cast_signed()).ok()?;
    Some(AllocatorMemory {
        name: NAME,
        from_system_bytes,
        in_use_bytes: None,
        free_bytes: None,
        returned_bytes: None,
    })
}

/// Gives back what the calling thread's heap and ended threads left free.
pub(super) fn release() {
    type Collect = unsafe extern "C" fn(bool);
    let address = optional_symbol!("mi_collect");
    // SAFETY: as in `owns`.
    if let Some(collect) = unsafe { transmute::<usize, Option<Collect>>(address) } {
        // SAFETY: it has no preconditions.
        unsafe { collect(true) };
    }
}
