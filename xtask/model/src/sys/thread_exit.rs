//! The end of a thread, which a scenario brings about itself: it calls what was armed.

use core::cell::Cell;
use core::ffi::c_void;

loom::thread_local! {
    static ARMED: Cell<*const c_void> = Cell::new(core::ptr::null());
}

pub(crate) fn install(_destructor: unsafe extern "C" fn(*mut c_void)) {}

/// Notes what the thread's end is to be called with.
pub(crate) fn arm(value: *const c_void) -> bool {
    ARMED.with(|armed| armed.set(value));
    true
}

/// What was armed on this thread of the model.
pub(crate) fn armed() -> *mut c_void {
    ARMED.with(Cell::get).cast_mut()
}
