//! Which program or shared library holds a code address, and where its unwind table is. Lock-free: by
//! the list of modules that stay, beyond that by glibc's `_dl_find_object`; where that does not exist,
//! frames in other modules end a stack, marked. Broken by: `hot/unwind` tests, `tests/plugins.rs`.

use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Release};

use super::lasting_modules;

/// A module's unwind table, and the module around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnwindSection {
    /// Address of the `.eh_frame_hdr` section.
    pub(crate) header: usize,
    /// First address of the module.
    pub(crate) module_start: usize,
    /// First address after the module.
    pub(crate) module_end: usize,
    /// Whether the module stays in memory: what is read there may be remembered.
    pub(crate) stays: bool,
}

/// Looks for what [`unwind_section`] needs. Called once, before a second thread exists where
/// possible: the dynamic linker may take its own lock.
pub(crate) fn prepare() {
    // SAFETY: RTLD_DEFAULT with a NUL-terminated name is a valid query; the result may be null.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
    FIND_OBJECT.store(found, Release);
    lasting_modules::prepare();
}

/// The unwind table of the module that holds `address`.
pub(crate) fn unwind_section(address: usize) -> Option<UnwindSection> {
    if let Some(module) = lasting_modules::holding(address) {
        let (header, range) = (module.unwind_header(), module.range());
        let section = UnwindSection { header, module_start: range.start, module_end: range.end, stays: true };
        return if section.header != 0 { Some(section) } else { None };
    }
    let find_object = FIND_OBJECT.load(Acquire);
    if find_object.is_null() {
        return None;
    }
    // SAFETY: glibc 2.35 and later define `_dl_find_object` with this prototype; `prepare` found it.
    let find_object: FindObject = unsafe { core::mem::transmute(find_object) };
    let mut found =
        DlFindObject { flags: 0, map_start: 0, map_end: 0, link_map: 0, eh_frame: 0, reserved: [0; 7] };
    // SAFETY: `found` has the size and layout that dlfcn.h gives; the function is
    // async-signal-safe and takes no lock (glibc manual, "Dynamic Linker Introspection").
    let result = unsafe { find_object(address as *mut c_void, &raw mut found) };
    let (header, module_start, module_end) = (found.eh_frame, found.map_start, found.map_end);
    let section = UnwindSection { header, module_start, module_end, stays: false };
    if result == 0 && section.header != 0 { Some(section) } else { None }
}

/// `struct dl_find_object` of glibc's dlfcn.h.
#[repr(C)]
struct DlFindObject {
    flags: u64,
    map_start: usize,
    map_end: usize,
    link_map: usize,
    eh_frame: usize,
    reserved: [u64; 7],
}

type FindObject = unsafe extern "C" fn(*mut c_void, *mut DlFindObject) -> c_int;

static FIND_OBJECT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
