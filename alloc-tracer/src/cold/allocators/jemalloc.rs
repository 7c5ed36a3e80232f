//! jemalloc, under the names that the crates `tikv-jemallocator` and `jemallocator` link it by, or its own.
//! Source of names and meanings: jemalloc(3), "MALLCTL NAMESPACE". Broken by: `tests/process_memory/`.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::transmute;
use core::ptr;

use super::AllocatorMemory;
use super::optional_symbol::optional_symbol;

pub(super) const NAME: &str = "jemalloc";

type Mallctl = unsafe extern "C" fn(*const c_char, *mut c_void, *mut usize, *mut c_void, usize) -> c_int;

fn mallctl() -> Option<Mallctl> {
    let prefixed = optional_symbol!("_rjem_mallctl");
    let address = if prefixed != 0 { prefixed } else { optional_symbol!("mallctl") };
    // SAFETY: 0 is `None`; else it is the address of jemalloc's function of this prototype.
    unsafe { transmute::<usize, Option<Mallctl>>(address) }
}

/// Bytes that the calling thread has ever had from it. The one way to learn whose a block is: before 5.3.1
/// `arenas.lookup` reads through a null pointer where a block is not jemalloc's (`src/emap.c`).
pub(super) fn allocated_by_this_thread() -> Option<u64> {
    figure::<u64>(c"thread.allocated")
}

/// A figure, of the type that jemalloc(3) gives it; `None` where it was built without statistics.
fn figure<T: Default>(name: &CStr) -> Option<T> {
    let mallctl = mallctl()?;
    let (mut value, mut len) = (T::default(), size_of::<T>());
    // SAFETY: the name ends in NUL; both pointers are to live words, and jemalloc refuses a length that is not
    // that of the figure's type.
    let refused =
        unsafe { mallctl(name.as_ptr(), (&raw mut value).cast(), &raw mut len, ptr::null_mut(), 0) };
    (refused == 0).then_some(value)
}

pub(super) fn memory() -> Option<AllocatorMemory> {
    let mallctl = mallctl()?;
    let mut epoch: u64 = 1;
    // SAFETY: `epoch` takes a 64-bit number, which makes jemalloc add its figures up anew.
    unsafe {
        mallctl(
            c"epoch".as_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
            (&raw mut epoch).cast(),
            size_of::<u64>(),
        )
    };
    let figure = |name| figure::<usize>(name).map(|bytes| bytes as u64);
    let mapped = figure(c"stats.mapped")?;
    let allocated = figure(c"stats.allocated")?;
    // What it needs for itself is mapped, and is neither handed out nor free to be.
    let metadata = figure(c"stats.metadata")?;
    Some(AllocatorMemory {
        name: NAME,
        from_system_bytes: mapped,
        in_use_bytes: Some(allocated + metadata),
        free_bytes: Some(mapped.saturating_sub(allocated + metadata)),
        returned_bytes: figure(c"stats.retained"),
    })
}

/// Gives back the calling thread's cache and the free pages of all arenas.
pub(super) fn release() {
    let Some(mallctl) = mallctl() else { return };
    // 4096 is `MALLCTL_ARENAS_ALL`.
    for name in [c"thread.tcache.flush", c"arena.4096.purge"] {
        // SAFETY: both are calls without a value, which need no pointer.
        unsafe { mallctl(name.as_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0) };
    }
}
