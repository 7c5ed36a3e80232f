//! Folded stacks, the text form of a flame graph: the sum, and the stack that has most of it.

use anyhow::{Context, Result};

/// The sums that a page shows of a profile's column.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Folded {
    /// Bytes, or blocks, as the column counts.
    pub(super) total: u64,
    /// Outermost frame first; empty if there are no stacks.
    pub(super) heaviest_frames: Vec<String>,
    pub(super) heaviest: u64,
}

impl Folded {
    /// Reads lines of `frame;frame;frame VALUE`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut folded = Folded::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (frames, value) = line.rsplit_once(' ').context("a folded stack without a value")?;
            let amount: u64 = value.parse().with_context(|| format!("`{value}` is no amount"))?;
            folded.total += amount;
            if amount > folded.heaviest {
                folded.heaviest = amount;
                folded.heaviest_frames = frames.split(';').map(str::to_owned).collect();
            }
        }
        Ok(folded)
    }

    /// The heaviest stack without what starts a program, which says nothing about its memory: the frames
    /// that `main` called.
    pub(super) fn frames_within_main(&self) -> &[String] {
        let is_main = |frame: &String| frame == "main" || frame.ends_with("::main");
        match self.heaviest_frames.iter().rposition(is_main) {
            Some(main) if main + 1 < self.heaviest_frames.len() => &self.heaviest_frames[main + 1..],
            _ => &self.heaviest_frames,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_the_heaviest_stack_come_from_the_lines() {
        let folded = Folded::parse("main;<a as b>::c 10\nmain;d e 32\n\n").unwrap();
        assert_eq!((folded.total, folded.heaviest), (42, 32));
        assert_eq!(folded.heaviest_frames, ["main", "d e"]);
        assert_eq!(Folded::parse("").unwrap(), Folded::default());
        assert!(Folded::parse("main;a b").is_err());
    }

    #[test]
    fn the_start_of_a_program_is_left_out() {
        let within = |frames: &[&str]| {
            let heaviest_frames = frames.iter().map(|frame| (*frame).to_owned()).collect();
            Folded { heaviest_frames, ..Folded::default() }.frames_within_main().join(" ")
        };
        assert_eq!(within(&["_start", "x::main", "x::run", "y"]), "x::run y");
        assert_eq!(within(&["_start", "x::main"]), "_start x::main");
    }
}
