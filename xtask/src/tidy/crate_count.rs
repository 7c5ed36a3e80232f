//! How many crates a program takes in with the tracer. Names cargo and one package.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use crate::cargo::cargo;

/// The first count that is too many, the tracer itself included.
pub(super) const LIMIT: usize = 30;

pub(super) const COMPLAINT: &str = "\
alloc-tracer: too many crates; whoever adds the tracer builds and trusts all of them; \
turn off default features, or do without [tracer-stays-light]";

/// Counts the crates that end in a build of the tracer, itself included.
pub(super) fn count() -> Result<usize> {
    let output = cargo()
        .args(["tree", "--package", "alloc-tracer", "--edges", "normal", "--prefix", "none"])
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(different(&String::from_utf8_lossy(&output.stdout)))
}

/// Cargo marks what it has shown before with a star at the end of the line.
fn different(tree: &str) -> usize {
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty());
    lines.collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::different;

    #[test]
    fn a_crate_counts_once_and_each_version_by_itself() {
        assert_eq!(different("a v1.0.0 (path)\nb v1.0.0\nc v2.0.0\nb v1.0.0 (*)\nb v2.0.0\n"), 4);
    }
}
