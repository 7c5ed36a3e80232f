//! A profile on disk: written to a file without a name, or beside its place, then put there, so that a
//! reader sees the whole file or none; readable by its owner only; no link is followed.
//! Broken by: `tests/pprof_file.rs`, `tests/profile_place.rs`.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::Profile;
use crate::cold::std::ffi::CString;
use crate::cold::std::fs::{self, File, OpenOptions};
use crate::cold::std::io::{self, BufWriter, ErrorKind, Write};
use crate::cold::std::os::fd::{AsRawFd, IntoRawFd};
use crate::cold::std::os::unix::ffi::OsStrExt;
use crate::cold::std::os::unix::fs::OpenOptionsExt;
use crate::cold::std::path::{Path, PathBuf};
use crate::cold::std::prelude::rust_2024::*;
use crate::cold::std::{error, format, process};
use crate::sys::write_signals;

/// How many names are tried for a temporary file: somebody else may have taken some.
const NAMES: u32 = 1000;

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
            Reason::Create(error) => {
                write!(f, "cannot create a file beside {path}: {error}; choose a path that you may write to")
            }
            Reason::Write(error) => {
                write!(f, "cannot write {path}: {error}; make room there or choose another path")
            }
            Reason::Rename(error) => {
                write!(f, "cannot put {path} in place: {error}; choose another path")
            }
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
    /// Writes the profile to a file as [`write_pprof`](Self::write_pprof) does, with permissions 0600.
    /// It appears at its path as a whole, or not at all; a regular file that is there is replaced, even
    /// one that is read-only, and other names of that file keep what it held. A process that is killed
    /// meanwhile leaves nothing, on file systems that have files without names.
    ///
    /// # Errors
    /// [`WriteFileError`]: the directory is missing or not writable, the disk is full, the path is a
    /// link, a directory, a device or another thing that is no regular file. What was written is removed,
    /// and a file that was there stays as it was.
    pub fn write_pprof_file(&self, path: impl AsRef<Path>) -> Result<(), WriteFileError> {
        self.write_marked_file(path.as_ref(), None)
    }

    /// As [`write_pprof_file`](Self::write_pprof_file), with a comment in the gzip header.
    pub(crate) fn write_marked_file(&self, path: &Path, mark: Option<&str>) -> Result<(), WriteFileError> {
        let failed = |reason| WriteFileError { path: path.to_path_buf(), reason };
        match fs::symlink_metadata(path) {
            Ok(there) if there.file_type().is_symlink() => return Err(failed(Reason::Link)),
            Ok(there) if !there.is_file() => return Err(failed(Reason::NotAFile)),
            _ => {}
        }
        let _held_back = write_signals::hold_back();
        let written = match unnamed_file(path) {
            Some(file) => match self.write_whole(&file, mark) {
                Ok(()) => match give_name(&file, path) {
                    Some(placed) => placed,
                    None => self.write_beside(path, mark),
                },
                Err(error) => Err(Reason::Write(error)),
            },
            None => self.write_beside(path, mark),
        };
        written.map_err(failed)
    }

    /// The way for file systems that have no files without names.
    fn write_beside(&self, path: &Path, mark: Option<&str>) -> Result<(), Reason> {
        let create = |temporary: &Path| {
            // `create_new` is O_EXCL, which neither follows a link nor takes over a file.
            above_standard(|| OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary))
        };
        let (temporary, file) = beside(path, create).map_err(Reason::Create)?;
        let written = self.write_whole(&file, mark).map_err(Reason::Write);
        written.and_then(|()| move_into_place(&temporary, path)).inspect_err(|_| remove(&temporary))
    }

    fn write_whole(&self, file: &File, mark: Option<&str>) -> io::Result<()> {
        let mut out = BufWriter::new(file);
        match mark {
            Some(mark) => self.write_pprof_marked(&mut out, mark)?,
            None => self.write_pprof(&mut out)?,
        }
        out.flush()
    }
}

/// A file in the directory of `path` that has no name: it goes with the process, whatever ends it.
fn unnamed_file(path: &Path) -> Option<File> {
    // Without this directory it could not be given a name.
    if !Path::new("/proc/thread-self/fd").exists() {
        return None;
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let unnamed = above_standard(|| {
        OpenOptions::new().write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(directory)
    });
    // Why it failed is said by the attempt to create a file with a name.
    unnamed.ok()
}

/// Puts a file without a name to its place; nothing if this file system cannot.
fn give_name(file: &File, path: &Path) -> Option<Result<(), Reason>> {
    match link(file, path) {
        Ok(()) => Some(Ok(())),
        // A link replaces nothing, a rename does.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let (temporary, ()) = beside(path, |temporary| link(file, temporary)).ok()?;
            Some(move_into_place(&temporary, path).inspect_err(|_| remove(&temporary)))
        }
        Err(_) => None,
    }
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    let opened = CString::new(format!("/proc/thread-self/fd/{}", file.as_raw_fd()))?;
    let path = CString::new(path.as_os_str().as_bytes())?;
    let here = libc::AT_FDCWD;
    // SAFETY: both are C strings; what is followed is the kernel's own link to the open file.
    match unsafe { libc::linkat(here, opened.as_ptr(), here, path.as_ptr(), libc::AT_SYMLINK_FOLLOW) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn move_into_place(temporary: &Path, path: &Path) -> Result<(), Reason> {
    fs::rename(temporary, path).map_err(Reason::Rename)
}

fn remove(temporary: &Path) {
    // Nothing can be done, and nothing better be said, if this fails as well.
    let _ = fs::remove_file(temporary);
}

/// Makes something under a free name in the directory of `path`. The name is short, because that of
/// `path` may be as long as a name can be.
fn beside<T>(path: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if path.file_name().is_none() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path has no file name"));
    }
    let mut taken = io::Error::from(ErrorKind::AlreadyExists);
    for _ in 0..NAMES {
        let name = format!(".alloc-tracer.{}-{}.tmp", process::id(), COUNT.fetch_add(1, Relaxed));
        let temporary = path.with_file_name(name);
        match make(&temporary) {
            Ok(made) => return Ok((temporary, made)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

/// Opens a file under a number that is no standard descriptor's, where the program has closed one: what its
/// threads print would be in the profile.
fn above_standard(open: impl FnOnce() -> io::Result<File>) -> io::Result<File> {
    // SAFETY: asks about a number, which need not be a descriptor.
    let flags = |number| unsafe { libc::fcntl(number, libc::F_GETFL) };
    let vacant = (0..=libc::STDERR_FILENO).filter(|number| flags(*number) < 0);
    // A bare path answers who prints as a closed descriptor does.
    let bare_path = |_| OpenOptions::new().read(true).custom_flags(libc::O_PATH).open("/").ok();
    let taken: Vec<_> = vacant.filter_map(bare_path).collect();
    let opened = open();
    for path in taken {
        // The program may have put something of its own under the number meanwhile.
        if flags(path.as_raw_fd()) & libc::O_PATH == 0 {
            let _ = path.into_raw_fd();
        }
    }
    opened
}
