//! The gallery, made by the built xtask as a user makes it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Demos do at this size what they do at their usual one.
pub(crate) const SMALL: &str = "1/64";

/// The project's command for pictures, which puts them into `out`.
pub(crate) fn flamegraph(out: &Path, size: &str) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["flamegraph", "--size", size, "--out"]).arg(out).env("CARGO_TARGET_DIR", target);
    command
}

/// An empty folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// Where the gallery of all demos is.
pub(crate) fn gallery() -> &'static Path {
    static GALLERY: OnceLock<PathBuf> = OnceLock::new();
    GALLERY.get_or_init(|| {
        let folder = folder("gallery");
        let output = flamegraph(&folder, SMALL).args(["--demo", "all"]).output().expect("xtask runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    })
}

/// The names of the files in a folder, but for those that only the program reads.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("it can be read").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).filter(|name| name != ".files").collect();
    names.sort();
    names
}
