//! What the tracer asks of the operating system, in forms that are allowed inside malloc: nothing
//! here allocates, locks or panics, and `errno` is left as it was. May name core and libc only
//! (and std's `thread_local!` in one file). Broken by: `cargo xtask tidy`, `tests/`.

pub(crate) mod atomics;
pub(crate) mod clock;
#[cfg(feature = "profile")]
pub(crate) mod environment;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
pub(crate) mod lasting_modules;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
pub(crate) mod modules;
#[cfg(feature = "profile")]
pub(crate) mod noted_pages;
pub(crate) mod owner_words;
pub(crate) mod pages;
mod part;
#[cfg(feature = "profile")]
pub(crate) mod pin;
pub(crate) mod process;
pub(crate) mod stack;
#[cfg(feature = "profile")]
pub(crate) mod standard_error;
pub(crate) mod thread_exit;
pub(crate) mod thread_local;
#[cfg(feature = "profile")]
pub(crate) mod write_signals;
