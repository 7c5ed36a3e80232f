//! What a demo prints: its own words and the bytes that the tracer counts as live at that moment.
//! Only numbers that are the same in every mode and every run may be printed, so bytes are counted
//! from the start of the demo: what precedes it depends on the length of the command line.
//! Broken by: `tests/demos/same_text.rs`.

use std::fmt;
use std::io::{self, Stdout, Write};

use alloc_tracer::size::Bytes;

/// Prints one line at a time, most of them with the bytes held since it was opened.
pub(crate) struct Ledger {
    out: Stdout,
    live_bytes_before: u64,
}

impl Ledger {
    /// Starts counting.
    pub(crate) fn open(mut out: Stdout) -> Self {
        // Makes the standard output allocate its buffer now, before the count. Nothing is written,
        // so nothing can fail that the first line would not report.
        let _ = out.flush();
        Ledger { out, live_bytes_before: alloc_tracer::stats().live_bytes }
    }

    /// The bytes that are held now.
    pub(crate) fn held_bytes(&self) -> u64 {
        alloc_tracer::stats().live_bytes.saturating_sub(self.live_bytes_before)
    }

    /// Prints the words around the bytes that are held now. Neither formatting nor printing may
    /// allocate anything that lives while the bytes are counted, so the words come unformatted.
    pub(crate) fn line(&mut self, before: fmt::Arguments<'_>, after: &str) -> io::Result<()> {
        let held_bytes = self.held_bytes();
        let gap = if after.is_empty() { "" } else { " " };
        writeln!(self.out, "{before} {}{gap}{after}", Bytes::unsigned(held_bytes))
    }

    /// Prints a line that has no figure of the ledger's: a row of a table, a result.
    pub(crate) fn say(&mut self, words: fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.out, "{words}")
    }

    /// Prints a line whose figures are this run's only: times, pages. The mark in front tells it from the
    /// lines that are the same every time.
    pub(crate) fn this_run(&mut self, words: fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.out, "this run: {words}")
    }

    /// Prints where the process's memory is: what is held is only a part of what the system has given. Without
    /// `/proc` there is no such line.
    pub(crate) fn reconcile(&mut self) -> io::Result<()> {
        match alloc_tracer::process_memory() {
            Ok(memory) => self.this_run(format_args!("{}", memory.reconciliation())),
            Err(_) => Ok(()),
        }
    }
}
