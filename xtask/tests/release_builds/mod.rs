//! What users run, built as they build it: in release.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds examples of the tracer and says where they are.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn examples<const N: usize>(examples: [&str; N]) -> [PathBuf; N] {
    let chosen = examples.iter().flat_map(|example| ["--example", example]);
    let folder = build(["--package", "alloc-tracer"].into_iter().chain(chosen)).join("examples");
    examples.map(|example| folder.join(example))
}

/// Builds programs of the workspace and says in which folder they are.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn programs<const N: usize>(packages: [&str; N]) -> PathBuf {
    let chosen = packages.iter().flat_map(|package| ["--package", package]);
    build(["--bins"].into_iter().chain(chosen))
}

fn build<'a>(what: impl Iterator<Item = &'a str>) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--quiet", "--target-dir"]).arg(target).args(what);
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(status.success(), "cargo could not build: {command:?}");
    target.join("release")
}
