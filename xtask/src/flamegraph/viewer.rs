//! `alloc-flamegraph`, run as a command: pictures, tables and folded stacks of a profile. The only
//! file that knows its command line.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::folded::Folded;
use crate::interrupt;

/// The columns that are drawn: what is still held, and what was ever asked for.
pub(super) const DRAWN: [&str; 2] = ["inuse_space", "alloc_space"];

/// How many pixels wide pictures are drawn: in a page two stand side by side, or one alone.
pub(super) const HALF_PAGE: u32 = 640;
pub(super) const PAGE: u32 = 1200;
/// Rows of a table under a picture.
const TABLE_ROWS: &str = "6";

/// The built binary.
pub(super) struct Viewer {
    path: PathBuf,
}

impl Viewer {
    pub(super) fn new(path: PathBuf) -> Self {
        Viewer { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Draws a column of a profile.
    pub(super) fn svg(
        &self,
        profile: &Path,
        sample: &str,
        title: &str,
        width: u32,
        out: &Path,
    ) -> Result<()> {
        let width = width.to_string();
        let picture = ["--sample", sample, "--title", title, "--width", &width, "--out"].map(OsStr::new);
        self.output("svg", &[&[profile.as_os_str()], &picture[..], &[out.as_os_str()]].concat()).map(drop)
    }

    /// Draws what a profile holds more, and less, than another.
    pub(super) fn difference(
        &self,
        base: &Path,
        new: &Path,
        title: &str,
        width: u32,
        out: &Path,
    ) -> Result<()> {
        let width = width.to_string();
        let picture = ["--sample", DRAWN[0], "--title", title, "--width", &width, "--base"].map(OsStr::new);
        let files = [base.as_os_str(), OsStr::new("--out"), out.as_os_str()];
        self.output("svg", &[&[new.as_os_str()], &picture[..], &files].concat()).map(drop)
    }

    /// The stacks of a column and their sum.
    pub(super) fn folded(&self, profile: &Path, sample: &str) -> Result<Folded> {
        let stacks =
            self.output("folded", &[profile.as_os_str(), OsStr::new("--sample"), OsStr::new(sample)])?;
        Folded::parse(&stacks)
    }

    /// The functions with the largest values, as a table for people.
    pub(super) fn top(&self, profile: &Path, sample: &str) -> Result<String> {
        let rows = ["--sample", sample, "--rows", TABLE_ROWS].map(OsStr::new);
        let said = self.output("top", &[&[profile.as_os_str()], &rows[..]].concat())?;
        Ok(table_in(&said).to_owned())
    }

    fn output(&self, what: &str, arguments: &[&OsStr]) -> Result<String> {
        let mut command = Command::new(&self.path);
        command.arg(what).args(arguments).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("cannot run {}", self.path.display()))?;
        interrupt::check()?;
        if !output.status.success() {
            bail!(
                "{command:?} failed ({}): {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        String::from_utf8(output.stdout).with_context(|| format!("{command:?} printed no text"))
    }
}

/// The table without what stands above it about the whole profile.
fn table_in(said: &str) -> &str {
    let head = said.match_indices('\n').find(|(at, _)| said[at + 1..].trim_start().starts_with("flat "));
    head.map_or(said, |(at, _)| &said[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::table_in;

    #[test]
    fn a_table_begins_at_its_head() {
        let table = "    flat    flat%  function\n64.0 MiB  100.00%  flat earth\n";
        assert_eq!(table_in(&format!("Memory in use: 64.0 MiB\nprocess 7\n{table}")), table);
        assert_eq!(table_in("nothing\nin it"), "nothing\nin it");
    }
}
