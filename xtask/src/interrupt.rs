//! Ctrl-C. The terminal sends it to us and to the program that we run. That program may catch it and
//! end in good order, so we stay alive, see what it left, and clean up. The one unsafe corner of
//! xtask: std has no signals, and a crate for one function would double the time to build.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};

static CAUGHT: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C is only remembered. Programs that we start have their own default again,
/// because a handler, unlike an ignored signal, does not survive `exec`.
pub(crate) fn catch() {
    #[cfg(unix)]
    {
        const SIGINT: i32 = 2;
        unsafe extern "C" {
            fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
        }
        extern "C" fn remember(_: i32) {
            CAUGHT.store(true, Ordering::Relaxed);
        }
        // SAFETY: SIGINT is 2 on every Unix, and the handler only stores to an atomic, which is
        // allowed in a signal handler.
        unsafe { signal(SIGINT, remember) };
    }
}

/// Ends the work where it can be ended cleanly.
pub(crate) fn check() -> Result<()> {
    if CAUGHT.load(Ordering::Relaxed) {
        bail!("interrupted; nothing was left behind");
    }
    Ok(())
}
