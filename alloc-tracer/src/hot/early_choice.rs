//! What must be known before the first block is handed out, from the source and the environment: whether
//! the process starts in exact mode, and whether its blocks are to be listed. The rest of the variable
//! waits for `cold::config`. Broken by: the tests of `cold/config.rs`, `tests/environment.rs`.

use super::mode::Mode;
use super::start::Settings;
#[cfg(feature = "profile")]
use crate::sys::environment;

/// The environment variable's name.
#[cfg(feature = "profile")]
pub(crate) const VARIABLE: &str = "ALLOC_TRACER";

/// What the first operation goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EarlyChoice {
    /// Whether the mode will be exact once all of the environment is read.
    pub(crate) is_exact: bool,
    /// Whether the environment names a mode: nothing is recorded until it is read.
    pub(crate) waits: bool,
    /// Whether every block goes into the table, where it can be listed, instead of having a tag.
    pub(crate) lists_blocks: bool,
}

impl EarlyChoice {
    /// What source and environment ask for together.
    pub(crate) fn of(settings: &Settings) -> EarlyChoice {
        let in_source = EarlyChoice {
            is_exact: settings.mode == Mode::Exact,
            waits: false,
            lists_blocks: settings.lists_blocks,
        };
        #[cfg(feature = "profile")]
        // SAFETY: the first operation of a program comes before main or at its very beginning. Where the
        // tracer is in a library of a program that runs already, the same holds as for `getenv` there: such a
        // program may not change its environment while its threads run.
        if let Some(text) = unsafe { environment::variable(VARIABLE) } {
            return in_source.overridden_by(text);
        }
        in_source
    }

    /// What the variable's value makes of it. `Config::parse` reads the same keys with all the others.
    #[cfg(feature = "profile")]
    pub(crate) fn overridden_by(mut self, text: &[u8]) -> EarlyChoice {
        let mut mode = None;
        for part in text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            match part {
                b"mode=exact" => mode = Some(true),
                b"mode=sampled" | b"mode=off" => mode = Some(false),
                _ if part.starts_with(b"interval=") => mode = mode.or(Some(false)),
                b"blocks=tagged" => self.lists_blocks = false,
                b"blocks=listed" => self.lists_blocks = true,
                _ => {}
            }
        }
        self.is_exact = mode.unwrap_or(self.is_exact);
        self.waits = mode.is_some();
        self
    }
}
