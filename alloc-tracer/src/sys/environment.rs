//! One environment variable, read in place: before main, without allocating or locking. Broken by:
//! `tests/environment.rs`.

use core::ffi::{CStr, c_char};

/// The variable's value; `None` if it is not set, or if the process runs with raised privileges
/// (set-user-id and the like): then the caller's environment decides nothing.
///
/// # Safety
/// Nobody changes the environment at the same time, as for `getenv`.
pub(crate) unsafe fn variable(name: &str) -> Option<&'static [u8]> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: getauxval only reads the process's auxiliary vector.
    if unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
        return None;
    }
    // SAFETY: every C library defines this word; before it is set up it is null.
    let mut entry = unsafe { (&raw const environ).read() };
    if entry.is_null() {
        return None;
    }
    loop {
        // SAFETY: `environ` is an array of C strings that ends with a null pointer (environ(7)), and the
        // loop leaves at that one.
        let text = unsafe { entry.read() };
        if text.is_null() {
            return None;
        }
        // SAFETY: as above, a C string.
        let text = unsafe { CStr::from_ptr(text) }.to_bytes();
        if let Some(value) = text.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) {
            return Some(value);
        }
        // SAFETY: not at the end yet.
        entry = unsafe { entry.add(1) };
    }
}
