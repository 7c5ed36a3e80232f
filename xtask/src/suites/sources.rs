//! The sources of the crates, as they were published: cargo fetches them by the lock file of
//! `xtask/suites`, and each is copied once to where its tests may write.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::crates::{self, Suite};
use crate::cargo::{cargo, json_text};
use crate::repository;
use crate::staging::Staging;

/// A crate's own folder, and its version.
pub(super) struct Source {
    pub(super) version: String,
    pub(super) folder: PathBuf,
}

/// Where the tracer for the tests, and the versions of their crates, are.
pub(super) fn package() -> PathBuf {
    repository::root().join("xtask/suites")
}

/// The sources of these crates, in the same order, below a folder.
pub(super) fn fetch(suites: &[&Suite], folder: &Path) -> Result<Vec<Source>> {
    let mut command = cargo();
    command.current_dir(package()).args(["metadata", "--format-version=1", "--locked", "--quiet"]);
    let output = command.stderr(std::process::Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo could not fetch the crates");
    let metadata = String::from_utf8(output.stdout).context("cargo's answer is not UTF-8")?;
    let manifest = fs::read_to_string(package().join("Cargo.toml"))?;

    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let copy_one = |suite: &&Suite| {
        let version = crates::version(&manifest, suite.name)?;
        let name = format!("{}-{version}", suite.name);
        let from = package_folder(&metadata, &name).with_context(|| format!("cargo did not fetch {name}"))?;
        if !folder.join(&name).exists() {
            let staging = Staging::below(folder)?;
            copy(&from, &staging.path(&name))?;
            // A package in a folder of a workspace would be taken for a member of it.
            let manifest = staging.path(&name).join("Cargo.toml");
            let text = fs::read_to_string(&manifest)? + "\n[workspace]\n";
            fs::write(&manifest, text)?;
            staging.place(&[&name])?;
        }
        Ok(Source { version: version.to_owned(), folder: folder.join(&name) })
    };
    suites.iter().map(copy_one).collect()
}

/// The folder of a package in cargo's answer, which is one line of JSON.
fn package_folder(metadata: &str, name: &str) -> Option<PathBuf> {
    const KEY: &str = "\"manifest_path\":";
    let found = metadata.match_indices(KEY).filter_map(|(at, _)| json_text(&metadata[at..], "manifest_path"));
    let mut folders = found.filter_map(|path| Path::new(&path).parent().map(Path::to_path_buf));
    folders.find(|folder| folder.file_name().is_some_and(|last| last == name))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let target = to.join(path.file_name().context("a file has a name")?);
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_found_by_its_name_and_version() {
        let metadata = r#"{"packages":[{"manifest_path":"/a/bytes-1.0.0/Cargo.toml"},{"manifest_path":"/a/bytes-1.0.1/Cargo.toml"}]}"#;
        assert_eq!(package_folder(metadata, "bytes-1.0.1"), Some(PathBuf::from("/a/bytes-1.0.1")));
        assert_eq!(package_folder(metadata, "bytes-1.0"), None);
    }
}
