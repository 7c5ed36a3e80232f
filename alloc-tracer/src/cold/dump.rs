//! A profile written because the environment asked for it, and what is said about it on standard
//! error. Broken by: `tests/environment.rs`, `tests/on_signal.rs`.

use super::config::{Config, expand};
use super::report::{self, Moment};
use super::snapshot::snapshot;
use super::std::format;
use super::std::panic::catch_unwind;
use super::std::prelude::rust_2024::*;
use super::std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use crate::sys::process;
use crate::sys::standard_error::{self, WithoutSignals};

/// Writes the profile to the configured file, if there is one, and says so. Whatever goes wrong is a
/// line on standard error; the caller goes on.
pub(crate) fn write(config: &Config, moment: Moment) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(out) = &config.out else { return };
    let path = expand(out, process::id(), COUNT.fetch_add(1, Relaxed) + 1);
    let _silent = WithoutSignals::begin();
    let text = catch_unwind(|| {
        let snapshot = snapshot();
        let profile =
            if config.without_symbols { snapshot.profile_without_symbols() } else { snapshot.profile() };
        match profile.write_pprof_file(&path) {
            Ok(()) => report::block(&snapshot, &profile, &path, moment),
            Err(error) => format!("alloc-tracer: no profile written: {error}\n"),
        }
    });
    say(&text.unwrap_or_else(|_| String::from("alloc-tracer: no profile written: internal error\n")));
}

/// Writes to standard error, past std's lock, which a thread of the program may hold for ever; where
/// nothing can be written, nothing can be said.
pub(crate) fn say(text: &str) {
    standard_error::write(text);
}
