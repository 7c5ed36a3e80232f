//! The folder in which files are made before they are moved, whole, to where people look. It is a
//! neighbour of its files, so that a move is a rename, and disappears with the process.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::interrupt;

const PREFIX: &str = ".staging-";

/// A folder of unfinished files.
pub(crate) struct Staging {
    folder: PathBuf,
    target: PathBuf,
}

impl Staging {
    /// Makes a folder for files that will go to `target`.
    pub(crate) fn below(target: &Path) -> Result<Self> {
        remove_abandoned(target);
        let folder = target.join(format!("{PREFIX}{}", std::process::id()));
        // What others have put there, a link above all, is not used.
        fs::create_dir_all(target)
            .and_then(|()| fs::create_dir(&folder))
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Staging { folder, target: target.to_path_buf() })
    }

    /// Where a file is made.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes a file.
    pub(crate) fn write(&self, name: &str, contents: &str) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Moves files to their place; what else was made goes.
    pub(crate) fn place(&self, names: &[&str]) -> Result<()> {
        interrupt::check()?;
        for name in names {
            let (from, to) = (self.folder.join(name), self.target.join(name));
            fs::rename(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        Ok(())
    }

    /// Moves all files to their place and says which they are.
    pub(crate) fn place_all(&self) -> Result<Vec<OsString>> {
        interrupt::check()?;
        let mut names =
            fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
        // The page last: while it is the old one, the pictures it shows are there.
        names.sort_by_key(|name| name == "index.html");
        for name in &names {
            let (from, to) = (self.folder.join(name), self.target.join(name));
            fs::rename(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        Ok(names)
    }

    /// Moves all files to their place, where they are the whole of something: what was placed so before goes,
    /// so that nobody takes it for a part. `list` is the name of the file that remembers. Says how many.
    pub(crate) fn place_whole(&self, list: &str) -> Result<usize> {
        let earlier = fs::read_to_string(self.target.join(list)).unwrap_or_default();
        let names = self.place_all()?;
        // A list that somebody else wrote names no file elsewhere.
        let is_plain = |name: &str| Path::new(name).file_name() == Some(OsStr::new(name));
        for name in earlier.lines().filter(|name| is_plain(name)) {
            if !names.iter().any(|placed| placed == name) {
                // What is gone already is no worse for it.
                let _ = fs::remove_file(self.target.join(name));
            }
        }
        let lines: String = names.iter().map(|name| format!("{}\n", name.display())).collect();
        self.write(list, &lines)?;
        self.place(&[list])?;
        Ok(names.len())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // A folder that cannot be removed is removed by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes folders of processes that were killed. Best effort: they are hidden and harmless.
fn remove_abandoned(target: &Path) {
    for entry in fs::read_dir(target).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        // Without /proc nobody can tell the living from the dead, so nothing is removed.
        let procfs = Path::new("/proc");
        let is_dead = |id: &str| !procfs.join(id).exists() || id == std::process::id().to_string();
        if process.is_some_and(|id| procfs.join("self").exists() && is_dead(id)) {
            // Of a link only the link goes.
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn unfinished_files_do_not_go_where_somebody_else_points() {
        let target = crate::cargo::target_folder().join(format!("staging-test-{}", std::process::id()));
        let (victim, link) = (target.join("victim"), target.join(format!("{PREFIX}{}", std::process::id())));
        fs::create_dir_all(&victim).unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let staging = Staging::below(&target).unwrap();
        staging.write("a", "text").unwrap();
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
        staging.place(&["a"]).unwrap();
        drop(staging);
        assert_eq!(fs::read(target.join("a")).unwrap(), b"text");
        fs::remove_dir_all(target).unwrap();
    }

    #[test]
    fn what_an_earlier_run_placed_does_not_stay_among_the_new_files() {
        let target = crate::cargo::target_folder().join(format!("staging-whole-{}", std::process::id()));
        let place = |names: &[&str]| {
            let staging = Staging::below(&target).unwrap();
            names.iter().for_each(|name| staging.write(name, name).unwrap());
            staging.place_whole(".files").unwrap()
        };
        fs::create_dir_all(&target).unwrap();
        fs::write(target.join("of-the-user"), "").unwrap();
        assert_eq!((place(&["a", "b", "index.html"]), place(&["b", "c"])), (3, 2));
        fs::write(target.join(".files"), "c\n../outside\nb/../of-the-user\n").unwrap();
        let outside = target.with_file_name("outside");
        fs::write(&outside, "").unwrap();
        place(&["d"]);
        let mut left: Vec<_> =
            fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".files", "b", "d", "of-the-user"]);
        assert!(outside.exists());
        fs::remove_file(outside).unwrap();
        fs::remove_dir_all(target).unwrap();
    }
}
