//! Threads of the tracer's own, which the program does not know and must not notice.
//! Broken by: `tests/on_signal.rs`.

use core::ptr;

use super::std::prelude::rust_2024::*;
use super::std::{io, mem, thread};

/// Starts a thread that receives no signals: a program that blocks a signal to wait for it must not lose it to a
/// thread that it does not know.
///
/// # Errors
/// Those of the system: no thread.
pub(crate) fn start(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let named = || thread::Builder::new().name(String::from("alloc-tracer"));
    // SAFETY: both sets are valid for the calls; the mask is this thread's own and is put back.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let started = named().spawn(work).map(drop);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        started
    }
}
