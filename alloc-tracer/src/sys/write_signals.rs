//! The signals that a failing write sends beside its error: for a pipe without a reader, and for a file
//! beyond the limit on file sizes. Both end a program by default, which must not happen because of what
//! the tracer writes. Broken by: `tests/profile_place.rs`.

use core::mem;
use core::ptr;

const SIGNALS: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// While it lives, writes of this thread fail with their error alone.
pub(crate) struct HeldBack {
    mask_before: libc::sigset_t,
    pending_before: libc::sigset_t,
}

/// Holds the signals back until the value is dropped, on the thread that called.
pub(crate) fn hold_back() -> HeldBack {
    let signals = set(&SIGNALS);
    // SAFETY: zeroes are a valid signal set, all sets are this function's own, and the mask is that of
    // the calling thread.
    unsafe {
        let mut held = HeldBack { mask_before: mem::zeroed(), pending_before: mem::zeroed() };
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, &raw mut held.mask_before);
        libc::sigpending(&raw mut held.pending_before);
        held
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: errno is this thread's own.
        let errno = unsafe { *libc::__errno_location() };
        let mut mask = self.mask_before;
        for signal in SIGNALS {
            let one = set(&[signal]);
            // SAFETY: the sets and the time are valid for the calls. One that the program itself blocked
            // and was sent before is left to it. Where a signal cannot be taken back, in a sandbox, it stays
            // blocked: delivered, it would end the program.
            unsafe {
                if libc::sigismember(&raw const self.pending_before, signal) == 0
                    && libc::sigtimedwait(&raw const one, ptr::null_mut(), &raw const at_once) < 0
                    && *libc::__errno_location() != libc::EAGAIN
                {
                    libc::sigaddset(&raw mut mask, signal);
                }
            }
        }
        // SAFETY: the mask is the one that this thread had, but for what was said; errno is its own.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, ptr::null_mut());
            *libc::__errno_location() = errno;
        }
    }
}

fn set(signals: &[libc::c_int]) -> libc::sigset_t {
    // SAFETY: zeroes are a valid set, which is this function's own; the signals exist.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}
