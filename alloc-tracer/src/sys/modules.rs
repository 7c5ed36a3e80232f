//! Which program or shared library holds a code address, and where its unwind table is: read from
//! the ELF headers in memory. Lock-free: by glibc's `_dl_find_object`, elsewhere by a list made at
//! start. Broken by: `hot/unwind` tests, `tests/dlopen.rs`.

use core::ffi::{c_int, c_void};
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// A module's unwind table and the readable segment around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnwindSection {
    /// Address of the `.eh_frame_hdr` section.
    pub(crate) header: usize,
    /// Size of that section, in bytes.
    pub(crate) header_bytes: usize,
    /// First address after the loaded segment that holds the section.
    pub(crate) segment_end: usize,
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
        return listed_base(address).and_then(|base| section_of(base, address));
    }
    // SAFETY: glibc 2.35 and later define `_dl_find_object` with this prototype; `prepare` found it.
    let find_object: FindObject = unsafe { core::mem::transmute(find_object) };
    let mut found =
        DlFindObject { flags: 0, map_start: 0, map_end: 0, link_map: 0, eh_frame: 0, reserved: [0; 7] };
    // SAFETY: `found` has the size and layout that dlfcn.h gives; the function is
    // async-signal-safe and takes no lock (glibc manual, "Dynamic Linker Introspection").
    let result = unsafe { find_object(address as *mut c_void, &raw mut found) };
    if result == 0 { section_of(found.map_start, address) } else { None }
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

/// Reads the program headers of the module that is mapped at `base`.
fn section_of(base: usize, address: usize) -> Option<UnwindSection> {
    let header = ptr::with_exposed_provenance::<libc::Elf64_Ehdr>(base);
    // SAFETY: `base` is where the dynamic linker mapped a module that holds `address`, which is
    // code on this thread's stack, so the module stays; the first segment of a module begins with
    // its ELF header, which the next line verifies before anything else is believed.
    let header = unsafe { &*header };
    if header.e_ident.first_chunk() != Some(b"\x7fELF") {
        return None;
    }
    let program_headers = base.checked_add(header.e_phoff as usize)?;
    // SAFETY: the program headers lie in the first segment, which the dynamic linker itself read.
    let program_headers = unsafe {
        slice::from_raw_parts(
            ptr::with_exposed_provenance::<libc::Elf64_Phdr>(program_headers),
            usize::from(header.e_phnum),
        )
    };
    let first = program_headers.iter().find(|entry| entry.p_type == libc::PT_LOAD)?;
    let bias = base.wrapping_sub(first.p_vaddr as usize & !4095);
    let range = |entry: &libc::Elf64_Phdr| {
        let start = bias.wrapping_add(entry.p_vaddr as usize);
        (start, start.wrapping_add(entry.p_memsz as usize))
    };
    let holds = |entry: &&libc::Elf64_Phdr, inner: usize| {
        let (start, end) = range(entry);
        entry.p_type == libc::PT_LOAD && (start..end).contains(&inner)
    };
    program_headers.iter().find(|entry| holds(entry, address))?;
    let table = program_headers.iter().find(|entry| entry.p_type == libc::PT_GNU_EH_FRAME)?;
    let (start, end) = range(table);
    let segment = program_headers.iter().find(|entry| holds(entry, start))?;
    Some(UnwindSection {
        header: start,
        header_bytes: end.wrapping_sub(start),
        segment_end: range(segment).1,
    })
}

/// Most modules that are known where `_dl_find_object` does not exist. Frames in later modules end
/// a stack, marked.
const MAX_LISTED: usize = 64;

struct ListedModule {
    base: AtomicUsize,
    end: AtomicUsize,
}

static LISTED: [ListedModule; MAX_LISTED] =
    [const { ListedModule { base: AtomicUsize::new(0), end: AtomicUsize::new(0) } }; MAX_LISTED];
static LISTED_COUNT: AtomicUsize = AtomicUsize::new(0);

fn listed_base(address: usize) -> Option<usize> {
    let count = LISTED_COUNT.load(Acquire);
    let holds =
        |module: &&ListedModule| (module.base.load(Relaxed)..module.end.load(Relaxed)).contains(&address);
    LISTED.iter().take(count).find(holds).map(|module| module.base.load(Relaxed))
}

unsafe extern "C" fn remember_module(info: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr lends a valid description for the duration of the call.
    let info = unsafe { &*info };
    // SAFETY: the description's pointer and count describe the module's program headers.
    let entries = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let loads = || entries.iter().filter(|entry| entry.p_type == libc::PT_LOAD);
    let start = loads().map(|entry| entry.p_vaddr as usize & !4095).min();
    let end = loads().map(|entry| entry.p_vaddr.wrapping_add(entry.p_memsz) as usize).max();
    let count = LISTED_COUNT.load(Relaxed);
    if let (Some(start), Some(end), Some(slot)) = (start, end, LISTED.get(count)) {
        let bias = info.dlpi_addr as usize;
        slot.base.store(bias.wrapping_add(start), Relaxed);
        slot.end.store(bias.wrapping_add(end), Relaxed);
        LISTED_COUNT.store(count.wrapping_add(1), Release);
    }
    0
}
