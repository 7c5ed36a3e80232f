//! A profile on disk: written beside its place, then renamed, so that a reader sees the whole file or
//! none; readable by its owner only; no link is followed. Broken by: `tests/pprof_file.rs`.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::Profile;
use crate::cold::std::ffi::OsString;
use crate::cold::std::fs::{self, File, OpenOptions};
use crate::cold::std::io::{self, BufWriter, Write};
use crate::cold::std::os::fd::AsRawFd;
use crate::cold::std::os::unix::fs::OpenOptionsExt;
use crate::cold::std::path::{Path, PathBuf};
use crate::cold::std::prelude::rust_2024::*;
use crate::cold::std::{error, process};

/// Why a profile could not be written to its file. Nothing is left behind at its path.
#[derive(Debug)]
pub struct WriteFileError {
    path: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Link,
    NotAFile,
    Create(io::Error),
    Write(io::Error),
    Rename(io::Error),
}

impl WriteFileError {
    /// The path that was to be written.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for WriteFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.reason {
            Reason::Link => write!(
                f,
                "{path} is a symbolic link, which is never followed; remove it or choose another path"
            ),
            Reason::NotAFile => write!(f, "{path} exists and is no regular file; choose another path"),
            Reason::Create(error) => write!(f, "cannot create a file beside {path}: {error}"),
            Reason::Write(error) => write!(f, "cannot write {path}: {error}"),
            Reason::Rename(error) => write!(f, "cannot put {path} in place: {error}"),
        }
    }
}

impl error::Error for WriteFileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.reason {
            Reason::Create(source) | Reason::Write(source) | Reason::Rename(source) => Some(source),
            Reason::Link | Reason::NotAFile => None,
        }
    }
}

impl Profile {
    /// Writes the profile to a file as [`write_pprof`](Self::write_pprof) does: to a temporary name
    /// in the same directory, with permissions 0600, then renamed over a regular file that is there.
    ///
    /// # Errors
    /// [`WriteFileError`]: the directory is missing or not writable, the disk is full, the path is a
    /// link, a directory or another thing that is no regular file. The temporary file is removed.
    pub fn write_pprof_file(&self, path: impl AsRef<Path>) -> Result<(), WriteFileError> {
        let path = path.as_ref();
        let failed = |reason| WriteFileError { path: path.to_path_buf(), reason };
        match fs::symlink_metadata(path) {
            Ok(there) if there.file_type().is_symlink() => return Err(failed(Reason::Link)),
            Ok(there) if !there.is_file() => return Err(failed(Reason::NotAFile)),
            _ => {}
        }
        let (temporary, file) = create_beside(path).map_err(|error| failed(Reason::Create(error)))?;
        let written = self.write_whole(file).map_err(Reason::Write);
        let placed = written.and_then(|()| fs::rename(&temporary, path).map_err(Reason::Rename));
        placed.map_err(|reason| {
            // Nothing can be done, and nothing better be said, if this fails as well.
            let _ = fs::remove_file(&temporary);
            failed(reason)
        })
    }

    fn write_whole(&self, file: File) -> io::Result<()> {
        let mut out = BufWriter::new(file);
        self.write_pprof(&mut out)?;
        out.flush()
    }
}

/// A new file with a name of its own in the directory of `path`.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"));
    };
    let _taken = vacant_standard_descriptors();
    loop {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(crate::cold::std::format!(".{}-{}.tmp", process::id(), COUNT.fetch_add(1, Relaxed)));
        let temporary = path.with_file_name(hidden);
        // `create_new` is O_EXCL, which neither follows a link nor takes over a file.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// The numbers of standard descriptors that the program has closed, so that no file gets one: what its threads
/// print meanwhile would be in the profile. A bare path answers them as a closed descriptor does.
fn vacant_standard_descriptors() -> Vec<File> {
    let bare_path = || OpenOptions::new().read(true).custom_flags(libc::O_PATH).open("/").ok();
    core::iter::from_fn(bare_path).take_while(|taken| taken.as_raw_fd() <= libc::STDERR_FILENO).collect()
}
