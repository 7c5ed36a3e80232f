//! The tables in README.md and docs/costs.md. Each section has a place of its own, between a mark that
//! names it and the next end, so that a run of some sections leaves the others alone.

use std::fs;

use anyhow::{Context, Result};

use crate::repository;

const DOCUMENTS: [&str; 2] = ["README.md", "docs/costs.md"];
const END: &str = "<!-- end of bench -->\n";

fn begin(section: &str) -> String {
    format!("<!-- bench: {section} -->\n")
}

/// Puts new tables where the old ones are. A section without a place is in no document.
pub(super) fn put(tables: &[(&str, String)]) -> Result<()> {
    for document in DOCUMENTS {
        let path = repository::root().join(document);
        let old = fs::read_to_string(&path).with_context(|| format!("cannot read {document}"))?;
        let put = |text: String, (section, table): &(&str, String)| replaced(&text, section, table);
        let new = tables.iter().fold(old, put);
        // Beside it first: half a README would be in nobody's interest.
        let beside = path.with_extension("md.new");
        let written = fs::write(&beside, new).and_then(|()| fs::rename(&beside, &path));
        written.with_context(|| format!("cannot write {document}"))?;
    }
    Ok(())
}

fn replaced(text: &str, section: &str, table: &str) -> String {
    let begin = begin(section);
    let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match parts {
        Some((before, after)) => format!("{before}{begin}\n{table}\n\n{END}{after}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_its_marks_changes() {
        let place = |section: &str, table: &str| format!("{}\n{table}\n\n{END}", begin(section));
        let text = format!("a\n{}b\n{}", place("depth", "old"), place("scaling", "old"));
        let new = format!("a\n{}b\n{}", place("depth", "new"), place("scaling", "old"));
        assert_eq!(replaced(&text, "depth", "new"), new);
        assert_eq!(replaced(&text, "symbols", "new"), text);
    }
}
