//! A call when the thread ends, by a pthread key: thread-local values of the tracer have no `Drop`,
//! so that they still work in other destructors. Broken by: `tests/threads.rs`.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// 0 until [`install`] succeeded; otherwise the key + 1.
static KEY: AtomicU32 = AtomicU32::new(0);

/// Chooses the function that runs when a thread with an armed value ends. Called once.
pub(crate) fn install(destructor: unsafe extern "C" fn(*mut c_void)) {
    let mut key = 0;
    // SAFETY: `key` is valid for the write; the destructor is a function that lives for ever.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) } == 0 {
        KEY.store(key.wrapping_add(1), Relaxed);
    }
}

/// Asks for the destructor with this value when the calling thread ends. `false` if the system has
/// no key left; the value is then lost when the thread ends.
pub(crate) fn arm(value: *const c_void) -> bool {
    match KEY.load(Relaxed).checked_sub(1) {
        // SAFETY: the key was created by `install` and is never deleted.
        Some(key) => unsafe { libc::pthread_setspecific(key, value) == 0 },
        None => false,
    }
}
