//! What a demo prints: its own words and the bytes that the tracer counts as live at that moment.
//! Only numbers that are the same in every mode and every run may be printed, so bytes are counted
//! from the start of the demo: what precedes it depends on the length of the command line.
//! Broken by: `tests/demos/same_text.rs`.

use std::fmt;
use std::io::{self, Stdout, Write};

/// Prints one line at a time, each with the bytes held since it was opened.
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

    /// Prints the words around the bytes that are held now. Neither formatting nor printing may
    /// allocate anything that lives while the bytes are counted, so the words come unformatted.
    pub(crate) fn line(&mut self, before: fmt::Arguments<'_>, after: &str) -> io::Result<()> {
        let held_bytes = alloc_tracer::stats().live_bytes.saturating_sub(self.live_bytes_before);
        let gap = if after.is_empty() { "" } else { " " };
        writeln!(self.out, "{before} {}{gap}{after}", BinaryUnits(held_bytes))
    }
}

/// A count with its digits in groups of three.
pub(crate) struct Grouped(pub(crate) usize);

impl fmt::Display for Grouped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = 1;
        while self.0 / group >= 1000 {
            group *= 1000;
        }
        write!(out, "{}", self.0 / group)?;
        while group > 1 {
            group /= 1000;
            write!(out, ",{:03}", self.0 / group % 1000)?;
        }
        Ok(())
    }
}

/// Bytes as people say them: whole below 1 KiB, with one decimal above.
struct BinaryUnits(u64);

impl fmt::Display for BinaryUnits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return write!(out, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // 1023.95 is where one decimal would round up to 1024.0.
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(out, "{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let shown = [0, 999, 1_000, 65_536, 1_000_007].map(|count| Grouped(count).to_string());
        assert_eq!(shown, ["0", "999", "1,000", "65,536", "1,000,007"]);
    }

    #[test]
    fn bytes_never_show_1024_of_a_unit() {
        let shown = [0, 1023, 1024, (1 << 20) - 1, 153_092_112].map(|bytes| BinaryUnits(bytes).to_string());
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "146.0 MiB"]);
    }
}
