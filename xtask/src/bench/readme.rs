//! The tables in README.md, between two marks.

use std::fs;

use anyhow::{Context, Result};

use crate::repository;

const BEGIN: &str = "<!-- tables of cargo xtask bench -->\n";
const END: &str = "<!-- end of the tables -->\n";

/// Puts new tables where the old ones are.
pub(super) fn put(tables: &str) -> Result<()> {
    let path = repository::root().join("README.md");
    let text = fs::read_to_string(&path).context("cannot read README.md")?;
    let text = replaced(&text, tables).context("README.md has no marks for the tables")?;
    // Beside it first: a README cut in half would be in nobody's interest.
    let new = path.with_extension("md.new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).context("cannot write README.md")
}

fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(replaced(&text, "new\n"), Some(format!("a\n{BEGIN}\nnew\n\n{END}b\n")));
        assert_eq!(replaced("a\n", "new\n"), None);
    }
}
