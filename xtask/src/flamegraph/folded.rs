//! Folded stacks, the text form of a flame graph: the sum, and the stack that has most of it.

use anyhow::{Context, Result};

/// The sums that a page shows of a profile's column.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) total_bytes: u64,
    /// Outermost frame first; empty if there are no stacks.
    pub(super) heaviest_frames: Vec<String>,
    pub(super) heaviest_bytes: u64,
}

impl Folded {
    /// Reads lines of `frame;frame;frame VALUE`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut folded = Folded::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (frames, value) = line.rsplit_once(' ').context("a folded stack without a value")?;
            let bytes: u64 = value.parse().with_context(|| format!("`{value}` is no count of bytes"))?;
            folded.total_bytes += bytes;
            if bytes > folded.heaviest_bytes {
                folded.heaviest_bytes = bytes;
                folded.heaviest_frames = frames.split(';').map(str::to_owned).collect();
            }
        }
        Ok(folded)
    }
}

/// Bytes as people say them: whole below 1 KiB, with one decimal above.
pub(super) fn in_binary_units(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 is where one decimal would round up to 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_the_heaviest_stack_come_from_the_lines() {
        let folded = Folded::parse("main;<a as b>::c 10\nmain;d e 32\n\n").unwrap();
        assert_eq!((folded.total_bytes, folded.heaviest_bytes), (42, 32));
        assert_eq!(folded.heaviest_frames, ["main", "d e"]);
        assert_eq!(Folded::parse("").unwrap(), Folded::default());
        assert!(Folded::parse("main;a b").is_err());
    }

    #[test]
    fn bytes_never_show_1024_of_a_unit() {
        let shown = [0, 1023, 1024, (1 << 20) - 1, 153_092_112].map(in_binary_units);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "146.0 MiB"]);
    }
}
