//! Keeps the module that the tracer is part of in memory: a plugin that contains it may be unloaded by
//! `dlclose`, but threads still have its thread-exit function to call. Takes the dynamic linker's lock.
//! Broken by: `tests/plugin_host.rs`, `tests/added_system_calls.rs`.

#[cfg(not(target_feature = "crt-static"))]
use core::ffi::{c_int, c_void};

/// Makes `dlclose` of the tracer's own module have no effect. A program's main module is never unloaded.
#[cfg(not(target_feature = "crt-static"))]
pub(crate) fn keep_loaded() {
    let here = keep_loaded as *const () as usize;
    let mut is_program = here;
    // SAFETY: the callback matches the prototype and gets back the word that is lent here.
    unsafe { libc::dl_iterate_phdr(Some(look_at_program), (&raw mut is_program).cast()) };
    if is_program == IN_PROGRAM {
        // The name that the dynamic linker has for the program is the first word of its command line,
        // chosen by whoever started it; `dlopen` would open that file, whatever it is.
        return;
    }
    let mut found = libc::Dl_info {
        dli_fname: core::ptr::null(),
        dli_fbase: core::ptr::null_mut(),
        dli_sname: core::ptr::null(),
        dli_saddr: core::ptr::null_mut(),
    };
    // SAFETY: the address is one of this module, `found` is valid for the write, and the name that it
    // then holds is a C string of the dynamic linker's, by which it finds the module among the loaded.
    unsafe {
        if libc::dladdr(core::ptr::without_provenance(here), &raw mut found) != 0
            && !found.dli_fname.is_null()
        {
            libc::dlopen(found.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
        }
    }
}

/// Stands in place of an address that was found in the program.
#[cfg(not(target_feature = "crt-static"))]
const IN_PROGRAM: usize = 0;

/// Replaces the address by [`IN_PROGRAM`] if the program holds it, and ends: the program is the first.
#[cfg(not(target_feature = "crt-static"))]
unsafe extern "C" fn look_at_program(info: *mut libc::dl_phdr_info, _: usize, address: *mut c_void) -> c_int {
    // SAFETY: `dl_iterate_phdr` lends a valid description, and `address` is the word that was passed.
    let (info, address) = unsafe { (&*info, &mut *address.cast::<usize>()) };
    // SAFETY: pointer and count describe the module's program headers.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let holds = |header: &libc::Elf64_Phdr| {
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
        header.p_type == libc::PT_LOAD && (*address as u64).wrapping_sub(start) < header.p_memsz
    };
    if headers.iter().any(holds) {
        *address = IN_PROGRAM;
    }
    1
}

/// A static program has no modules to unload.
#[cfg(target_feature = "crt-static")]
pub(crate) fn keep_loaded() {}
