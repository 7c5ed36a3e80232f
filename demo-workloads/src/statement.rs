//! What a demo states: the first lines of its file, and the lines of code that matter. The file is the
//! only place where they are written. Names the form of these lines, no demo.
//! Broken by: `tests/demos/command_line.rs`.

use crate::demos::Demo;

/// The labelled parts, in the order in which they are written and read.
pub(crate) const PARTS: [&str; 5] = ["Kept", "Why", "inuse_space", "alloc_space", "Fix"];

const CORE_BEGINS: &str = "// The core.";
const CORE_ENDS: &str = "// End of the core.";

impl Demo {
    /// The first line of the file: what is kept, by what.
    pub(crate) fn keeps(&self) -> &'static str {
        self.header().next().unwrap_or_default()
    }

    /// One of [`PARTS`], as one line of text.
    pub(crate) fn part(&self, label: &str) -> String {
        let is_label = |line: &str| {
            line.split_once(": ").is_some_and(|(label, _)| PARTS.contains(&label) || label == "Broken by")
        };
        let mut lines = self.header().skip_while(|line| !line.starts_with(&format!("{label}: ")));
        let Some(first) = lines.next() else { return String::new() };
        let rest = lines.take_while(|line| !is_label(line) && !line.is_empty());
        let text = std::iter::once(&first[label.len() + 2..]).chain(rest).collect::<Vec<_>>();
        text.join(" ")
    }

    /// The lines of code that matter, as they stand in the file. A line that ends in `// leak` is where
    /// memory is kept, one that ends in `// fix` is what releases it.
    pub(crate) fn core(&self) -> String {
        let lines = self.source.lines().skip_while(|line| line.trim() != CORE_BEGINS).skip(1);
        let core: Vec<&str> = lines.take_while(|line| line.trim() != CORE_ENDS).collect();
        core.join("\n").trim_matches('\n').to_owned()
    }

    fn header(&self) -> impl Iterator<Item = &'static str> {
        self.source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim)
    }
}
