//! What is being done right now: a bar on a terminal, one plain line a step elsewhere. Goes to
//! stderr, so that stdout holds results only.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// Shows one step at a time.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts with one step in sight.
    pub(crate) fn start() -> Self {
        let bar = stderr().is_terminal().then(|| {
            // An error message must not have to share its line with the bar.
            let bar = ProgressBar::new(1).with_finish(ProgressFinish::AndClear);
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Progress { bar }
    }

    /// Says how many more steps will come.
    pub(crate) fn expect_steps(&self, more: usize) {
        if let Some(bar) = &self.bar {
            bar.inc_length(more as u64);
        }
    }

    /// Says what is done now.
    pub(crate) fn step(&mut self, what: &str) {
        match &self.bar {
            None => eprintln!("{what}"),
            Some(bar) => {
                if !bar.message().is_empty() {
                    bar.inc(1);
                }
                bar.set_message(what.to_owned());
            }
        }
    }

    /// Says what is done now where that is worth nothing to somebody who reads it later.
    pub(crate) fn detail(&mut self, what: &str) {
        if self.bar.is_some() {
            self.step(what);
        }
    }

    /// Leaves the terminal as it was.
    pub(crate) fn finish(self) {
        drop(self.bar);
    }
}
