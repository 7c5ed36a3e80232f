//! Threads of the tracer's own, which the program does not know and must not notice.
//! Broken by: `tests/on_signal.rs`, `tests/scenarios/refused_memory.rs`.

use core::ffi::c_void;
use core::ptr;

use super::std::panic::{AssertUnwindSafe, catch_unwind};
use super::std::prelude::rust_2024::*;
use super::std::{io, mem};

type Work = Box<dyn FnOnce() + Send>;

/// Starts a thread that receives no signals: a program that blocks a signal to wait for it must not lose it to a
/// thread that it does not know. Not by std, which panics in the new thread where it gets no memory for a signal
/// stack.
///
/// # Errors
/// Those of the system: no thread.
pub(crate) fn start(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let work: *mut Work = Box::into_raw(Box::new(Box::new(work)));
    // SAFETY: both sets are valid for the calls; the mask is this thread's own and is put back. The handle is
    // written before it is used, and nobody joins the thread. It takes the work over, or, if there is none, nobody
    // does.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = mem::zeroed();
        let mut thread: libc::pthread_t = mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let error = libc::pthread_create(&raw mut thread, ptr::null(), run, work.cast());
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        if error == 0 {
            libc::pthread_detach(thread);
            return Ok(());
        }
        drop(Box::from_raw(work));
        Err(io::Error::from_raw_os_error(error))
    }
}

extern "C" fn run(work: *mut c_void) -> *mut c_void {
    // SAFETY: the name ends in NUL and is short enough; the thread is the calling one.
    unsafe { libc::pthread_setname_np(libc::pthread_self(), c"alloc-tracer".as_ptr()) };
    // SAFETY: it is the work that `start` leaked for this thread alone.
    let work = unsafe { Box::from_raw(work.cast::<Work>()) };
    // A panic may not leave a C function.
    let _ = catch_unwind(AssertUnwindSafe(work));
    ptr::null_mut()
}
