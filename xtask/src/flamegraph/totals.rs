//! What a run added up to: the sums of its profile, and what its tracer reported of the process. Names
//! the words of the report.

use anyhow::{Result, bail};

use super::amount::from_binary_units;

/// The sums of a run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) held_bytes: u64,
    pub(super) held_blocks: u64,
    pub(super) allocated_bytes: u64,
    pub(super) allocations: u64,
    pub(super) process: Process,
}

/// What the report at exit says, as precise as it says it; `None` where it does not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// The most bytes that were live at one time.
    pub(super) peak_bytes: Option<u64>,
    /// RSS at its end.
    pub(super) resident_bytes: Option<u64>,
}

/// The figure that a demo is about, in which leaky and fixed differ.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    #[default]
    Held,
    AtPeak,
    InMemory,
}

impl Figure {
    /// As the list of demos names it.
    pub(super) fn parse(name: &str) -> Result<Self> {
        match name {
            "held" => Ok(Figure::Held),
            "peak" => Ok(Figure::AtPeak),
            "resident" => Ok(Figure::InMemory),
            _ => bail!("`{name}` is no figure"),
        }
    }

    /// Behind an amount; what is held needs no words.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Figure::Held => "",
            Figure::AtPeak => "peak",
            Figure::InMemory => "RSS",
        }
    }
}

impl Totals {
    /// The figure, 0 where it is not known.
    pub(super) fn bytes(&self, figure: Figure) -> u64 {
        match figure {
            Figure::Held => self.held_bytes,
            Figure::AtPeak => self.process.peak_bytes.unwrap_or(0),
            Figure::InMemory => self.process.resident_bytes.unwrap_or(0),
        }
    }
}

impl Process {
    /// Reads the report of a tracer.
    pub(super) fn read(report: &str) -> Self {
        let after = |words: &str| {
            let line = report.lines().filter_map(|line| line.strip_prefix("alloc-tracer: "));
            line.filter_map(|line| line.split_once(words)).find_map(|(_, rest)| from_binary_units(rest))
        };
        Process { peak_bytes: after("; peak "), resident_bytes: after("RSS ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_process_come_from_the_tracers_report() {
        let report = "a warning; peak 7 B\n\
            alloc-tracer: exact; 2.0 KiB allocated in 3 allocations and 0 reallocations\n\
            alloc-tracer: 1.0 KiB live in 2 blocks at exit; peak 219.0 MiB (within 64.0 KiB)\n\
            alloc-tracer: RSS 512 B = 1.0 KiB live + 0 B unexplained\n";
        let process = Process::read(report);
        assert_eq!(process, Process { peak_bytes: Some(219 << 20), resident_bytes: Some(512) });
        assert_eq!(Process::read(""), Process::default());
    }
}
