//! The list of modules made at the start, and which of them stay in memory as long as this code does: what the
//! program was started with, and what the tracer's own module needs. `dlclose` may take any other
//! away and `dlopen` put other code in its place. Names core and libc only.
//! Broken by: `tests/plugins.rs`.

#[cfg(not(target_env = "musl"))]
use core::ffi::CStr;
use core::ffi::{c_char, c_int, c_void};
use core::ops::Range;
use core::ptr;
use core::slice;
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// Most modules that are listed. Later ones are taken for modules that may go.
const MAX_MODULES: usize = 128;

/// A program or library that was in memory at the start.
pub(super) struct Module {
    start: AtomicUsize,
    end: AtomicUsize,
    unwind_header: AtomicUsize,
    stays: AtomicBool,
    /// The dynamic section and the name, valid in `list` only.
    dynamic: AtomicUsize,
    name: AtomicPtr<c_char>,
}

static MODULES: [Module; MAX_MODULES] = [const {
    Module {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        unwind_header: AtomicUsize::new(0),
        stays: AtomicBool::new(false),
        dynamic: AtomicUsize::new(0),
        name: AtomicPtr::new(ptr::null_mut()),
    }
}; MAX_MODULES];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Makes the list. Called once; takes the dynamic linker's lock, so that no module goes meanwhile.
pub(super) fn prepare() {
    // SAFETY: the callback matches the prototype and is called with that lock held.
    unsafe { libc::dl_iterate_phdr(Some(list), ptr::null_mut()) };
}

/// The listed module that holds `address`, if it stays in memory.
pub(super) fn holding(address: usize) -> Option<&'static Module> {
    let modules = MODULES.iter().take(COUNT.load(Acquire));
    modules.filter(|module| module.stays.load(Relaxed)).find(|module| module.range().contains(&address))
}

impl Module {
    pub(super) fn range(&self) -> Range<usize> {
        self.start.load(Relaxed)..self.end.load(Relaxed)
    }

    /// The address of its `.eh_frame_hdr`; 0 if it has none.
    pub(super) fn unwind_header(&self) -> usize {
        self.unwind_header.load(Relaxed)
    }
}

/// Runs with the linker's lock, which the same thread may take again for the iteration proper.
unsafe extern "C" fn list(_: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    let mut count = 0_usize;
    // SAFETY: the callback matches the prototype; `count` outlives the call and nothing else uses it.
    unsafe { libc::dl_iterate_phdr(Some(add_module), (&raw mut count).cast()) };
    let modules = MODULES.get(..count).unwrap_or_default();
    mark_lasting(modules);
    COUNT.store(count, Release);
    // The outer iteration has served its purpose.
    1
}

unsafe extern "C" fn add_module(info: *mut libc::dl_phdr_info, _: usize, count: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr lends a valid description, and `count` is what `list` passed.
    let (info, count) = unsafe { (&*info, &mut *count.cast::<usize>()) };
    // SAFETY: the description's pointer and count describe the module's program headers.
    let entries = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let of_type = |wanted: u32| entries.iter().filter(move |entry| entry.p_type == wanted);
    let in_memory = |address: u64| (info.dlpi_addr as usize).wrapping_add(address as usize);
    let start = of_type(libc::PT_LOAD).map(|entry| entry.p_vaddr & !4095).min().map(in_memory);
    let end =
        of_type(libc::PT_LOAD).map(|entry| entry.p_vaddr.wrapping_add(entry.p_memsz)).max().map(in_memory);
    let address_of = |kind: u32| of_type(kind).map(|entry| in_memory(entry.p_vaddr)).next().unwrap_or(0);
    if let (Some(start), Some(end), Some(module)) = (start, end, MODULES.get(*count)) {
        module.start.store(start, Relaxed);
        module.end.store(end, Relaxed);
        module.unwind_header.store(address_of(libc::PT_GNU_EH_FRAME), Relaxed);
        module.dynamic.store(address_of(libc::PT_DYNAMIC), Relaxed);
        module.name.store(info.dlpi_name.cast_mut(), Relaxed);
        *count = count.wrapping_add(1);
    }
    0
}

/// musl never unloads anything.
#[cfg(target_env = "musl")]
fn mark_lasting(modules: &[Module]) {
    modules.iter().for_each(|module| module.stays.store(true, Relaxed));
}

/// The program comes first, what it was started with next, and what was opened since behind. What it
/// was started with ends with the last module that it needs, directly or not.
#[cfg(not(target_env = "musl"))]
fn mark_lasting(modules: &[Module]) {
    if let Some(program) = modules.first() {
        program.stays.store(true, Relaxed);
    }
    mark_needed(modules);
    let last = modules.iter().rposition(|module| module.stays.load(Relaxed)).unwrap_or(0);
    modules.iter().take(last).for_each(|module| module.stays.store(true, Relaxed));
    // The tracer may be part of a library that was opened later. Where it is unloaded, so is all that knows of it.
    let own = mark_lasting as *const () as usize;
    if let Some(own) = modules.iter().find(|module| module.range().contains(&own)) {
        own.stays.store(true, Relaxed);
    }
    mark_needed(modules);
}

/// Marks whatever a marked module needs.
#[cfg(not(target_env = "musl"))]
fn mark_needed(modules: &[Module]) {
    let mut changes = true;
    while changes {
        changes = false;
        for module in modules.iter().filter(|module| module.stays.load(Relaxed)) {
            for needed in module.entries(NEEDED).filter_map(|offset| module.string(offset)) {
                // Of two modules with one name the program's own was there first.
                if let Some(found) = modules.iter().find(|module| module.is_called(needed)) {
                    changes |= !found.stays.swap(true, Relaxed);
                }
            }
        }
    }
}

/// An entry of the dynamic section.
#[cfg(not(target_env = "musl"))]
#[repr(C)]
#[derive(Clone, Copy)]
struct Dynamic {
    tag: isize,
    value: usize,
}

#[cfg(not(target_env = "musl"))]
const NEEDED: isize = 1;
#[cfg(not(target_env = "musl"))]
const STRING_TABLE: isize = 5;
#[cfg(not(target_env = "musl"))]
const STRING_TABLE_BYTES: isize = 10;
#[cfg(not(target_env = "musl"))]
const OWN_NAME: isize = 14;

#[cfg(not(target_env = "musl"))]
impl Module {
    /// The values of the dynamic section's entries with this tag.
    fn entries(&self, tag: isize) -> impl Iterator<Item = usize> {
        let mut next = ptr::with_exposed_provenance::<Dynamic>(self.dynamic.load(Relaxed));
        core::iter::from_fn(move || {
            if next.is_null() {
                return None;
            }
            // SAFETY: a module's dynamic section is mapped, aligned and ends with an entry of tag 0, behind
            // which nothing is read; the linker's lock keeps the module.
            let entry = unsafe { next.read() };
            next = if entry.tag == 0 { ptr::null() } else { next.wrapping_add(1) };
            (entry.tag != 0).then_some(entry)
        })
        .filter(move |entry| entry.tag == tag)
        .map(|entry| entry.value)
    }

    /// A string of the module's table.
    fn string(&self, offset: usize) -> Option<&[u8]> {
        let table = self.entries(STRING_TABLE).next()?;
        let bytes = self.entries(STRING_TABLE_BYTES).next()?;
        let range = self.range();
        // The linker has put the table's address in place of its offset, but for the kernel's module.
        let table = if table < range.start { table.wrapping_add(range.start) } else { table };
        if offset >= bytes || !range.contains(&table) || !range.contains(&table.wrapping_add(bytes)) {
            return None;
        }
        let string = ptr::with_exposed_provenance::<c_char>(table.wrapping_add(offset));
        // SAFETY: inside the module's string table, which is mapped and ends with a zero byte.
        Some(unsafe { CStr::from_ptr(string) }.to_bytes())
    }

    /// Whether this is the module that another one means by a name: its own name, its path, or its file's name.
    fn is_called(&self, name: &[u8]) -> bool {
        if self.entries(OWN_NAME).next().and_then(|offset| self.string(offset)) == Some(name) {
            return true;
        }
        let path = self.name.load(Relaxed);
        if path.is_null() {
            return false;
        }
        // SAFETY: a module's name is a C string of the linker's; its lock keeps the module.
        let path = unsafe { CStr::from_ptr(path) }.to_bytes();
        path == name || path.rsplit(|byte| *byte == b'/').next() == Some(name)
    }
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    /// Where a symbol of a library lies, and the handle that keeps it open.
    fn symbol(library: &CStr, name: &CStr) -> usize {
        // SAFETY: both are C strings; a library of the system's is opened and stays open.
        unsafe {
            let handle = libc::dlopen(library.as_ptr(), libc::RTLD_NOW);
            assert!(!handle.is_null(), "{library:?}");
            libc::dlsym(handle, name.as_ptr()) as usize
        }
    }

    #[test]
    fn what_the_program_was_started_with_stays_and_what_it_opened_may_go() {
        // Opened before the list is made: it is on it.
        let opened = symbol(c"libresolv.so.2", c"__b64_ntop");
        prepare();
        let libraries = [symbol(c"libc.so.6", c"qsort"), symbol(c"libgcc_s.so.1", c"_Unwind_GetIP")];
        // SAFETY: asks for a number: where the kernel's own module begins, which no other one needs.
        let kernels = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
        for started in libraries.into_iter().chain([symbol as *const () as usize, kernels]) {
            assert!(holding(started).is_some_and(|module| module.range().contains(&started)));
        }
        assert!(opened != 0 && holding(opened).is_none());
    }
}
