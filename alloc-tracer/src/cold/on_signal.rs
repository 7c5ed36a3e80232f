//! A profile whenever a signal comes, for a service that cannot be stopped: the handler only wakes a
//! thread, which writes the file. Nothing of this exists unless `signal=` asks for it.
//! Broken by: `tests/on_signal.rs`.

use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

use super::config::Config;
use super::dump::{self, Moment};
use super::std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use super::std::prelude::rust_2024::*;
use super::std::{fs::File, io, io::Read, mem, thread};
use crate::hot::guard::Untracked;
use crate::hot::start;
use crate::sys::process;

/// The writing end of the pipe that wakes the thread.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Installs the handler and starts the thread.
///
/// # Errors
/// Those of the system: no descriptor, no thread.
pub(crate) fn install(signal: c_int, config: &'static Config) -> io::Result<()> {
    let (mut woken, wake) = pipe()?;
    thread::Builder::new().name(String::from("alloc-tracer")).spawn(move || {
        let _guard = Untracked::enter();
        let mut byte = [0];
        while woken.read_exact(&mut byte).is_ok() {
            dump::write(config, Moment::OnSignal);
        }
    })?;
    WAKE.store(wake.into_raw_fd(), Relaxed);
    // SAFETY: zeroes are a valid `sigaction`; the handler makes only async-signal-safe calls.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = wake_thread as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        match libc::sigaction(signal, &raw const action, core::ptr::null_mut()) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

extern "C" fn wake_thread(_signal: c_int) {
    // A forked child shares the pipe but not the thread.
    if process::id() != start::process_id() {
        return;
    }
    // SAFETY: errno is this thread's own; write is async-signal-safe and the byte is valid. A full pipe
    // is not waited for: its bytes will wake the thread.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(WAKE.load(Relaxed), [1_u8].as_ptr().cast(), 1);
        *libc::__errno_location() = errno;
    }
}

fn pipe() -> io::Result<(File, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: there is room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let [read, write] = ends;
    // SAFETY: the descriptors are new and nobody else's; the flag changes the writing end alone.
    unsafe {
        libc::fcntl(write, libc::F_SETFL, libc::O_NONBLOCK);
        Ok((File::from_raw_fd(read), OwnedFd::from_raw_fd(write)))
    }
}
