//! A profile whenever a signal comes, for a service that cannot be stopped: the handler only wakes a
//! thread, which writes the file. No descriptor is taken, and the thread receives no signal that is
//! meant for the program. Nothing of this exists unless `signal=` asks for it.
//! Broken by: `tests/on_signal.rs`.

use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr;

use super::config::Config;
use super::dump;
use super::own_thread;
use super::report::Moment;
use super::std::prelude::rust_2024::*;
use super::std::{io, mem};
use crate::hot::guard::Untracked;
use crate::hot::start;
use crate::sys::process;

/// What the thread waits on.
struct Wake(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: a POSIX semaphore may be used by all threads and in signal handlers once `install` has
// initialised it, which happens before the thread or the handler exists.
unsafe impl Sync for Wake {}

static WAKE: Wake = Wake(UnsafeCell::new(MaybeUninit::uninit()));

impl Wake {
    fn semaphore(&self) -> *mut libc::sem_t {
        self.0.get().cast()
    }
}

/// Installs the handler and starts the thread. Called once.
///
/// # Errors
/// Those of the system: no semaphore, no thread, no handler.
pub(crate) fn install(signal: c_int, config: &'static Config) -> io::Result<()> {
    // SAFETY: the semaphore is this module's own and nobody uses it yet.
    check(unsafe { libc::sem_init(WAKE.semaphore(), 0, 0) })?;
    own_thread::start(move || serve(config))?;
    // SAFETY: zeroes are a valid `sigaction`; the handler makes only async-signal-safe calls.
    check(unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = wake_thread as *const () as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    })
}

fn serve(config: &Config) {
    let _guard = Untracked::enter();
    loop {
        // SAFETY: the semaphore was initialised before this thread started.
        if unsafe { libc::sem_wait(WAKE.semaphore()) } == 0 {
            // One profile answers all signals that came before it: a storm of them piles up no files.
            // SAFETY: as above; the call does not wait.
            while unsafe { libc::sem_trywait(WAKE.semaphore()) } == 0 {}
            dump::write(config, Moment::OnSignal);
        }
    }
}

extern "C" fn wake_thread(_signal: c_int) {
    // A forked child has the handler but not the thread.
    if process::id() == start::process_id() {
        // SAFETY: the semaphore was initialised before the handler was installed; `sem_post` is
        // async-signal-safe. It can fail only at the largest count, when the thread has enough to do.
        unsafe {
            let errno = *libc::__errno_location();
            libc::sem_post(WAKE.semaphore());
            *libc::__errno_location() = errno;
        }
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
