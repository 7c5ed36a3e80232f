//! Keeps the module that the tracer is part of in memory: a plugin that contains it may be unloaded by
//! `dlclose`, but threads still have its thread-exit function to call. Takes the dynamic linker's lock.
//! Broken by: `tests/plugin_host.rs`.

/// Makes `dlclose` of the tracer's own module have no effect. A program's main module is never unloaded.
#[cfg(not(target_feature = "crt-static"))]
pub(crate) fn keep_loaded() {
    let mut found = libc::Dl_info {
        dli_fname: core::ptr::null(),
        dli_fbase: core::ptr::null_mut(),
        dli_sname: core::ptr::null(),
        dli_saddr: core::ptr::null_mut(),
    };
    // SAFETY: the address is one of this module, `found` is valid for the write, and the name that it
    // then holds is a C string of the dynamic linker's. Without RTLD_NOLOAD's success nothing is opened.
    unsafe {
        if libc::dladdr(keep_loaded as *const () as *const _, &raw mut found) != 0
            && !found.dli_fname.is_null()
        {
            libc::dlopen(found.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
        }
    }
}

/// A static program has no modules to unload.
#[cfg(target_feature = "crt-static")]
pub(crate) fn keep_loaded() {}
