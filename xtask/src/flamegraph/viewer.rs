//! `alloc-flamegraph`, run as a command: pictures, tables and folded stacks of a profile. The only
//! file that knows its command line.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::interrupt;

/// The columns that are drawn: what is still held, and what was ever asked for.
pub(super) const SAMPLES: [&str; 2] = ["inuse_space", "alloc_space"];

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
    pub(super) fn svg(&self, profile: &Path, sample: &str, title: &str, out: &Path) -> Result<()> {
        let picture = ["--sample", sample, "--title", title, "--out"].map(OsStr::new);
        self.output("svg", &[&[profile.as_os_str()], &picture[..], &[out.as_os_str()]].concat()).map(drop)
    }

    /// Draws what a profile holds more, and less, than another.
    pub(super) fn difference(&self, base: &Path, new: &Path, title: &str, out: &Path) -> Result<()> {
        let picture = ["--sample", SAMPLES[0], "--title", title, "--base"].map(OsStr::new);
        let files = [base.as_os_str(), OsStr::new("--out"), out.as_os_str()];
        self.output("svg", &[&[new.as_os_str()], &picture[..], &files].concat()).map(drop)
    }

    /// One stack a line, outermost frame first, then a blank and the value.
    pub(super) fn folded(&self, profile: &Path, sample: &str) -> Result<String> {
        self.output("folded", &[profile.as_os_str(), OsStr::new("--sample"), OsStr::new(sample)])
    }

    /// The functions with the largest values, as a table for people.
    pub(super) fn top(&self, profile: &Path, sample: &str) -> Result<String> {
        self.output("top", &[profile.as_os_str(), OsStr::new("--sample"), OsStr::new(sample)])
    }

    fn output(&self, what: &str, arguments: &[&OsStr]) -> Result<String> {
        let mut command = Command::new(&self.path);
        command.arg(what).args(arguments).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("cannot run {}", self.path.display()))?;
        interrupt::check()?;
        if !output.status.success() {
            bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        String::from_utf8(output.stdout).with_context(|| format!("{command:?} printed no text"))
    }
}
