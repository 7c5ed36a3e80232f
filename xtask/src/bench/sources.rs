//! What the workload `syn` parses: 7.7 MB of Rust that cargo has unpacked anyway, because the
//! benchmark is built from it. The lock file fixes the versions, so it is the same text everywhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The list of files, one path a line.
pub(super) const LIST: &str = "syn-sources.txt";

const BYTES: u64 = 7_700_000;

/// Code of different styles, written by people: not libc's constants.
const CRATES: [&str; 4] = ["gimli", "serde_json", "syn-3", "tokio-1"];

/// Writes the list into a folder and says how many files and bytes are on it.
pub(super) fn write_list(built_from: &[PathBuf], folder: &Path) -> Result<(usize, u64)> {
    let mut files = Vec::new();
    for name in CRATES {
        let is_ours = |root: &&PathBuf| root.ends_with("src/lib.rs") && package(root).starts_with(name);
        let root = built_from.iter().find(is_ours).with_context(|| format!("{name} was not built"))?;
        collect(root.parent().context("a file is in a folder")?, &mut files)?;
    }
    let (mut list, mut count, mut bytes) = (String::new(), 0, 0);
    for file in files {
        if bytes >= BYTES {
            break;
        }
        bytes += fs::metadata(&file)?.len();
        count += 1;
        list += &format!("{}\n", file.display());
    }
    let path = folder.join(LIST);
    fs::write(&path, list).with_context(|| format!("cannot write {}", path.display()))?;
    Ok((count, bytes))
}

/// The name and version of the package that a root source file belongs to.
fn package(root: &Path) -> String {
    let folder = root.ancestors().nth(2).and_then(Path::file_name);
    folder.unwrap_or_default().to_string_lossy().into_owned()
}

/// Files in the order of their names, folders where their name stands.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort_unstable();
    for path in paths {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
