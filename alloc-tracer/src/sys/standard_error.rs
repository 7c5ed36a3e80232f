//! Standard error as the process was given it, and writes to it that harm nobody. Names core and libc only.
//! Broken by: `tests/endings.rs`, `tests/scenarios/descriptors.rs`.

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::write_signals;

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
    let _held_back = write_signals::hold_back();
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
