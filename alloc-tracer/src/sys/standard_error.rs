//! Standard error as the process was given it, and writes that raise no signal: nobody reads any more,
//! or a file may not grow, is an error to whoever writes and never the end of the program. Names core and
//! libc only. Broken by: `tests/endings.rs`, `tests/scenarios/descriptors.rs`.

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The device and the number of the file behind standard error at the start; zeroes without one.
static GIVEN: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Remembers what standard error is. Called once, before the program can have changed it.
pub(crate) fn remember() {
    if let Some(file) = behind() {
        GIVEN.iter().zip(file).for_each(|(word, part)| word.store(part, Relaxed));
    }
}

/// Writes to what was standard error at the start. Where the program has closed it, or has something of its own
/// behind its number, nothing is written; what cannot be written is dropped.
pub(crate) fn write(text: &str) {
    if behind() != Some([GIVEN[0].load(Relaxed), GIVEN[1].load(Relaxed)]) {
        return;
    }
    let _silent = WithoutSignals::begin();
    // SAFETY: errno is this thread's own, and valid while the thread runs.
    let errno = unsafe { &mut *libc::__errno_location() };
    let before = *errno;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the pointer and the length describe `rest`.
        let written = unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(written) {
            Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
            Err(_) if *errno == libc::EINTR => {}
            _ => break,
        }
    }
    *errno = before;
}

fn behind() -> Option<[u64; 2]> {
    let mut file = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `file` is valid for the write, and is read only if the call has filled it.
    unsafe {
        let known = libc::fstat(libc::STDERR_FILENO, file.as_mut_ptr()) == 0;
        known.then(|| file.assume_init()).map(|file| [file.st_dev, file.st_ino])
    }
}

/// While it lives, a write of this thread to a broken pipe or beyond the largest file allowed is an error
/// and no signal, whatever the program has arranged for those.
pub(crate) struct WithoutSignals {
    mask: libc::sigset_t,
    /// Whether each of [`RAISED_BY_WRITES`] waited for the thread already, which is the program's own affair.
    waited: [bool; 2],
}

const RAISED_BY_WRITES: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

impl WithoutSignals {
    pub(crate) fn begin() -> WithoutSignals {
        let waited = RAISED_BY_WRITES.map(waits);
        let mut mask = MaybeUninit::uninit();
        // SAFETY: the mask is this thread's own, and the call fills `mask`: it fails for a wrong `how` only.
        let mask = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &set(&RAISED_BY_WRITES), mask.as_mut_ptr());
            mask.assume_init()
        };
        WithoutSignals { mask, waited }
    }
}

impl Drop for WithoutSignals {
    fn drop(&mut self) {
        for (signal, waited) in RAISED_BY_WRITES.into_iter().zip(self.waited) {
            if !waited && waits(signal) {
                let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
                // SAFETY: set and time are valid for the call, which takes back a signal that is blocked.
                unsafe { libc::sigtimedwait(&set(&[signal]), ptr::null_mut(), &raw const at_once) };
            }
        }
        // SAFETY: the mask is this thread's own and is put back as it was.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.mask, ptr::null_mut()) };
    }
}

/// Whether a signal was sent to this thread or process and is blocked.
fn waits(signal: libc::c_int) -> bool {
    let mut pending = set(&[]);
    // SAFETY: the set is valid for the write and for the read.
    unsafe { libc::sigpending(&raw mut pending) == 0 && libc::sigismember(&raw const pending, signal) == 1 }
}

fn set(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` makes the set valid; the signals exist.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}
