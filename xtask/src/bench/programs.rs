//! The programs under test: builds the package `bench-workloads`, once as it is and once with frame
//! pointers, and knows who could not be built, and why. A peer that fails costs only itself.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::contenders::Contender;
use crate::cargo::{Built, cargo};
use crate::{interrupt, repository};

/// The binaries of a run.
pub(super) struct Programs {
    paths: HashMap<(&'static str, bool), PathBuf>,
    /// Who is missing and why, in the order of the contenders.
    pub(super) missing: Vec<(&'static Contender, String)>,
    /// The root source files of the crates that were built.
    pub(super) sources: Vec<PathBuf>,
}

impl Programs {
    /// Builds what the contenders need, below `folder`.
    pub(super) fn build(contenders: &[&'static Contender], folder: &Path) -> Result<Self> {
        let mut programs = Programs { paths: HashMap::new(), missing: Vec::new(), sources: Vec::new() };
        for frame_pointers in [false, true] {
            let mine: Vec<_> =
                contenders.iter().copied().filter(|c| c.frame_pointers == frame_pointers).collect();
            if !mine.is_empty() {
                programs.build_variant(&mine, frame_pointers, folder)?;
            }
        }
        Ok(programs)
    }

    /// The program of a contender, or none if it was not built.
    pub(super) fn path(&self, contender: &Contender) -> Option<&Path> {
        self.paths.get(&(contender.program, contender.frame_pointers)).map(PathBuf::as_path)
    }

    /// All in one go, so that they share their dependencies; if that fails, each by itself.
    fn build_variant(
        &mut self,
        contenders: &[&'static Contender],
        frame_pointers: bool,
        folder: &Path,
    ) -> Result<()> {
        let mut features: Vec<&str> = contenders.iter().filter_map(|contender| contender.feature).collect();
        features.sort_unstable();
        features.dedup();
        let variant = if frame_pointers { Variant::FramePointers } else { Variant::Plain };
        let together = build(&features, variant, folder)?;
        for contender in contenders {
            let key = (contender.program, frame_pointers);
            if contender.program == "heaptrack" {
                self.find_heaptrack(contender);
                continue;
            }
            if self.paths.contains_key(&key) {
                continue;
            }
            let alone = match &together {
                Ok(_) => None,
                Err(_) => Some(build(&contender.feature.into_iter().collect::<Vec<_>>(), variant, folder)?),
            };
            match alone.as_ref().unwrap_or(&together) {
                Ok(built) => {
                    let path = built.executable(contender.program).context("cargo built no such binary")?;
                    self.paths.insert(key, path.clone());
                    self.sources.extend(built.sources.iter().cloned());
                }
                Err(reason) if contender.feature.is_none() => bail!("cannot build the benchmark: {reason}"),
                Err(reason) => self.missing.push((contender, format!("not built: {reason}"))),
            }
        }
        Ok(())
    }

    /// heaptrack comes with the system, and runs the bare program.
    fn find_heaptrack(&mut self, contender: &'static Contender) {
        match on_path("heaptrack") {
            Some(path) => _ = self.paths.insert((contender.program, contender.frame_pointers), path),
            None => self.missing.push((contender, String::from("not installed"))),
        }
    }
}

/// A program of the system.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A program for the section `symbols`, with full debug information, and the one that watches others.
pub(super) fn build_large(folder: &Path) -> Result<Result<(PathBuf, PathBuf), String>> {
    match build(&["large"], Variant::FullDebug, folder)? {
        Ok(built) => {
            let [large, watch] = ["large", "watch"].map(|name| built.executable(name).cloned());
            Ok(Ok((
                large.context("cargo built no such binary")?,
                watch.context("cargo built no such binary")?,
            )))
        }
        Err(reason) => Ok(Err(reason)),
    }
}

/// How the package is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Plain,
    FramePointers,
    FullDebug,
}

/// Runs cargo; the inner error is cargo's own last word.
fn build(features: &[&str], variant: Variant, folder: &Path) -> Result<Result<Built, String>> {
    let target = folder.join(match variant {
        Variant::Plain => "build",
        Variant::FramePointers => "build-frame-pointers",
        Variant::FullDebug => "build-debuginfo",
    });
    fs::create_dir_all(&target).with_context(|| format!("cannot create {}", target.display()))?;
    let log = target.join("cargo.log");
    let mut command = cargo();
    command.current_dir(repository::root().join("xtask/bench"));
    // heapscope asks for a newer Rust than it needs.
    command.args(["build", "--release", "--locked", "--bins", "--ignore-rust-version", "--features"]);
    command.arg(features.join(",")).arg("--target-dir").arg(&target).stderr(File::create(&log)?);
    match variant {
        Variant::Plain => {}
        Variant::FramePointers => {
            let theirs = std::env::var("RUSTFLAGS").unwrap_or_default();
            command.env("RUSTFLAGS", format!("{theirs} -C force-frame-pointers=yes"));
        }
        Variant::FullDebug => {
            command.env("CARGO_PROFILE_RELEASE_DEBUG", "full");
        }
    }
    let built = Built::by(&mut command)?;
    interrupt::check()?;
    if built.succeeded {
        return Ok(Ok(built));
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    let reason = said.lines().find(|line| line.starts_with("error")).unwrap_or("cargo failed");
    Ok(Err(format!("{reason} (see {})", log.display())))
}
