//! The test programs of a crate, built as they are and with the tracer linked in. Nothing of the crate
//! changes for that: see `xtask/suites/rustc-with-tracer`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::crates::Suite;
use super::sources::{self, Source};
use crate::cargo::{Built, cargo};
use crate::interrupt;

/// A test program, built in both ways.
pub(super) struct Program {
    pub(super) name: String,
    pub(super) plain: PathBuf,
    pub(super) traced: PathBuf,
}

/// Builds the tracer for tests below a folder, and says where its library is.
pub(super) fn build_tracer(folder: &Path) -> Result<PathBuf> {
    let target = folder.join("tracer");
    let mut command = cargo();
    command.current_dir(sources::package());
    command.args(["build", "--locked", "--quiet", "--target-dir"]).arg(&target);
    // The crates under test may use the same crates as the tracer, in the same version: theirs and ours
    // have to have different names for the linker.
    let theirs = std::env::var("RUSTFLAGS").unwrap_or_default();
    command.env("RUSTFLAGS", format!("{theirs} -C metadata=suites"));
    ensure!(command.status().context("cannot run cargo")?.success(), "cargo could not build the tracer");
    let library = target.join("debug/libsuites_tracer.rlib");
    ensure!(library.exists(), "there is no {}", library.display());
    Ok(library)
}

/// Builds the tests of a crate. Those that stand apart are left out.
pub(super) fn build(suite: &Suite, source: &Source, tracer: &Path, folder: &Path) -> Result<Vec<Program>> {
    let plain = build_once(suite, source, None, folder)?;
    let mut traced = build_once(suite, source, Some(tracer), folder)?;
    let mut programs = Vec::new();
    for (name, path) in plain {
        let at = traced.iter().position(|(other, _)| *other == name);
        let traced = traced.swap_remove(at.with_context(|| format!("{name} was not built with the tracer"))?);
        if !suite.apart.iter().any(|(apart, _)| *apart == name) {
            programs.push(Program { name, plain: path, traced: traced.1 });
        }
    }
    ensure!(!programs.is_empty(), "{} has no tests", suite.name);
    Ok(programs)
}

fn build_once(
    suite: &Suite,
    source: &Source,
    tracer: Option<&Path>,
    folder: &Path,
) -> Result<Vec<(String, PathBuf)>> {
    let logs = folder.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let log = logs.join(format!("{}.build", suite.name));
    let mut command = cargo();
    command.current_dir(&source.folder).args(["test", "--no-run", "--locked"]).args(suite.targets);
    command.args(["--features", suite.features, "--target-dir"]).arg(folder.join("build"));
    // They are built once, and nobody debugs them.
    command.envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_INCREMENTAL", "0")]);
    if let Some(tracer) = tracer {
        let apart: Vec<&str> = suite.apart.iter().map(|(name, _)| *name).collect();
        command.env("RUSTC_WORKSPACE_WRAPPER", sources::package().join("rustc-with-tracer"));
        command.env("SUITES_TRACER", tracer).env("SUITES_APART", apart.join(" "));
    }
    let built = Built::by(command.stderr(File::create(&log)?))?;
    interrupt::check()?;
    let why = || format!("cargo could not build the tests of {}, see {}", suite.name, log.display());
    ensure!(built.succeeded, "{}", why());
    let mut programs: Vec<_> =
        built.executables.iter().filter_map(|path| Some((name(path)?, path.clone()))).collect();
    programs.sort_unstable();
    Ok(programs)
}

/// The name of a test program, which cargo gives a hash behind it.
fn name(path: &Path) -> Option<String> {
    let (name, _hash) = path.file_name()?.to_str()?.rsplit_once('-')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_called_as_its_target_and_a_binary_of_the_crate_is_none() {
        assert_eq!(name(Path::new("/a/debug/deps/rt_basic-0f")).as_deref(), Some("rt_basic"));
        assert_eq!(name(Path::new("/a/debug/tool")), None);
    }
}
