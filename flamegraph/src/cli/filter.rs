//! The options `--focus` and `--ignore`, the same in every command that has them.
//! Broken by: `tests/focus.rs`.

use alloc_flamegraph::Filter;
use clap::Args;
use regex::Regex;

/// Which stacks count.
#[derive(Debug, Args)]
pub(super) struct FilterArguments {
    /// Count only stacks with a frame whose function, file or module matches
    #[arg(long, value_name = "REGEX")]
    focus: Option<Regex>,
    /// Leave out stacks with a frame whose function, file or module matches
    #[arg(long, value_name = "REGEX")]
    ignore: Option<Regex>,
}

impl FilterArguments {
    pub(super) fn filter(self) -> Filter {
        Filter { focus: self.focus, ignore: self.ignore }
    }
}
