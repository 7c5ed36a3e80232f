//! Where output goes: standard output, or a file that appears as a whole or not at all.
//! Names only std. Broken by: `tests/cli_errors.rs`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Failure;
use super::input::at;

/// Collects what `write` writes and puts it to `path`, or to standard output without one. All is
/// computed before the first byte is written, so that an error or an interruption leaves an
/// existing file as it was.
pub(super) fn put(
    path: Option<&PathBuf>,
    write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    let failed = |error: io::Error| Failure::Message(error.to_string());
    write(&mut bytes).map_err(failed)?;
    let Some(path) = path.filter(|path| path.as_path() != Path::new("-")) else {
        return to_stdout(&bytes);
    };
    replace(path, &bytes).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Closed,
        _ => at(path, &Unwritable(error)),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write: {0}")]
struct Unwritable(io::Error);

fn to_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Closed,
        _ => at(Path::new("standard output"), &Unwritable(error)),
    })
}

/// Writes beside the file and renames; a device or a pipe is written to as it is.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => return File::options().write(true).open(path)?.write_all(bytes),
        _ => {}
    }
    let Some(name) = path.file_name() else { return Err(ErrorKind::IsADirectory.into()) };
    let beside = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    let written = write_new(&beside, path, bytes);
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_new(beside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(beside)?;
    if let Ok(existing) = fs::metadata(path) {
        file.set_permissions(existing.permissions())?;
    }
    file.write_all(bytes)?;
    fs::rename(beside, path)
}
