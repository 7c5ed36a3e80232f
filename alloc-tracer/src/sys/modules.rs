//! Which program or shared library holds a code address, and where its unwind table is. Lock-free: by
//! glibc's `_dl_find_object`, elsewhere by a list made at the start. Broken by: `hot/unwind` tests.

use core::ffi::{c_int, c_void};
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// A module's unwind table, and the end of the module around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnwindSection {
    /// Address of the `.eh_frame_hdr` section.
    pub(crate) header: usize,
    /// First address after the module.
    pub(crate) module_end: usize,
}

/// Looks for what [`unwind_section`] needs. Called once, before a second thread exists where
/// possible: the dynamic linker may take its own lock.
pub(crate) fn prepare() {
    // SAFETY: RTLD_DEFAULT with a NUL-terminated name is a valid query; the result may be null.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
    FIND_OBJECT.store(found, Release);
    if found.is_null() {
        // SAFETY: the callback matches the prototype and keeps nothing of what it is lent.
        unsafe { libc::dl_iterate_phdr(Some(remember_module), ptr::null_mut()) };
    }
}

/// The unwind table of the module that holds `address`.
pub(crate) fn unwind_section(address: usize) -> Option<UnwindSection> {
    let find_object = FIND_OBJECT.load(Acquire);
    if find_object.is_null() {
        return listed(address);
    }
    // SAFETY: glibc 2.35 and later define `_dl_find_object` with this prototype; `prepare` found it.
    let find_object: FindObject = unsafe { core::mem::transmute(find_object) };
    let mut found =
        DlFindObject { flags: 0, map_start: 0, map_end: 0, link_map: 0, eh_frame: 0, reserved: [0; 7] };
    // SAFETY: `found` has the size and layout that dlfcn.h gives; the function is
    // async-signal-safe and takes no lock (glibc manual, "Dynamic Linker Introspection").
    let result = unsafe { find_object(address as *mut c_void, &raw mut found) };
    let section = UnwindSection { header: found.eh_frame, module_end: found.map_end };
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

/// Most modules that are known where `_dl_find_object` does not exist. Frames in later modules end
/// a stack, marked.
const MAX_LISTED: usize = 64;

#[derive(Default)]
struct ListedModule {
    start: AtomicUsize,
    end: AtomicUsize,
    unwind_header: AtomicUsize,
}

static LISTED: [ListedModule; MAX_LISTED] = [const {
    ListedModule { start: AtomicUsize::new(0), end: AtomicUsize::new(0), unwind_header: AtomicUsize::new(0) }
}; MAX_LISTED];
static LISTED_COUNT: AtomicUsize = AtomicUsize::new(0);

fn listed(address: usize) -> Option<UnwindSection> {
    let holds =
        |module: &&ListedModule| (module.start.load(Relaxed)..module.end.load(Relaxed)).contains(&address);
    let module = LISTED.iter().take(LISTED_COUNT.load(Acquire)).find(holds)?;
    let section =
        UnwindSection { header: module.unwind_header.load(Relaxed), module_end: module.end.load(Relaxed) };
    if section.header == 0 { None } else { Some(section) }
}

unsafe extern "C" fn remember_module(info: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr lends a valid description for the duration of the call.
    let info = unsafe { &*info };
    // SAFETY: the description's pointer and count describe the module's program headers.
    let entries = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let of_type = |wanted: u32| entries.iter().filter(move |entry| entry.p_type == wanted);
    let start = of_type(libc::PT_LOAD).map(|entry| entry.p_vaddr as usize & !4095).min();
    let end = of_type(libc::PT_LOAD).map(|entry| entry.p_vaddr.wrapping_add(entry.p_memsz) as usize).max();
    let unwind_header = of_type(libc::PT_GNU_EH_FRAME).map(|entry| entry.p_vaddr as usize).next();
    let count = LISTED_COUNT.load(Relaxed);
    if let (Some(start), Some(end), Some(header), Some(module)) =
        (start, end, unwind_header, LISTED.get(count))
    {
        let bias = info.dlpi_addr as usize;
        module.start.store(bias.wrapping_add(start), Relaxed);
        module.end.store(bias.wrapping_add(end), Relaxed);
        module.unwind_header.store(bias.wrapping_add(header), Relaxed);
        LISTED_COUNT.store(count.wrapping_add(1), Release);
    }
    0
}
