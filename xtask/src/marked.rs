//! Tables that a command puts into documents. Each has a place of its own, between a mark that names it and
//! the command's next end, so that a run which makes some of them leaves the others alone.

use std::fs;

use anyhow::{Context, Result};

use crate::repository;

/// Puts new tables of a command where the old ones are. A table without a place is not in the document.
pub(crate) fn put(document: &str, command: &str, tables: &[(&str, String)]) -> Result<()> {
    let path = repository::root().join(document);
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read {document}"))?;
    let put = |text: String, (name, table): &(&str, String)| replaced(&text, command, name, table);
    let new = tables.iter().fold(old, put);
    // Beside it first: half a README would be in nobody's interest.
    let beside = path.with_extension("md.new");
    let written = fs::write(&beside, new).and_then(|()| fs::rename(&beside, &path));
    written.with_context(|| format!("cannot write {document}"))
}

fn marks(command: &str, name: &str) -> (String, String) {
    (format!("<!-- {command}: {name} -->\n"), format!("<!-- end of {command} -->\n"))
}

fn replaced(text: &str, command: &str, name: &str, table: &str) -> String {
    let (begin, end) = marks(command, name);
    let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    match parts {
        Some((before, after)) => format!("{before}{begin}\n{table}\n\n{end}{after}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_its_marks_changes() {
        let place = |name: &str, table: &str| {
            let (begin, end) = marks("bench", name);
            format!("{begin}\n{table}\n\n{end}")
        };
        let text = format!("a\n{}b\n{}", place("depth", "old"), place("scaling", "old"));
        let new = format!("a\n{}b\n{}", place("depth", "new"), place("scaling", "old"));
        assert_eq!(replaced(&text, "bench", "depth", "new"), new);
        assert_eq!(replaced(&text, "bench", "symbols", "new"), text);
        assert_eq!(replaced(&text, "suites", "depth", "new"), text);
    }
}
