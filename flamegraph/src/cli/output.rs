//! Where output goes: standard output, or a file that appears as a whole or not at all.
//! Names tempfile and nix. Broken by: `tests/cli_errors.rs`, `tests/output_place.rs`.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Failure;
use super::input::at;

/// Most bytes of an output. All of it is made before the first byte is written.
const MOST_BYTES: usize = 1 << 30;

/// Who may read a file that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Whom the umask allows, as for the files of other commands.
    Usual,
    /// Its owner, as every profile has it.
    Owner,
}

/// Collects what `write` writes and puts it to `path`, or to standard output without one. All is
/// computed before the first byte is written, so that an error or an interruption leaves an
/// existing file as it was.
pub(super) fn put(
    path: Option<&PathBuf>,
    readers: Readers,
    write: impl FnOnce(&mut Bounded) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut bounded = Bounded { bytes: Vec::new(), most: MOST_BYTES };
    let failed = |error: io::Error| Failure::Message(error.to_string());
    write(&mut bounded).map_err(failed)?;
    let bytes = bounded.bytes;
    let Some(path) = path.filter(|path| path.as_path() != Path::new("-")) else {
        return to_stdout(&bytes);
    };
    replace(path, readers, &bytes).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Closed,
        _ => at(path, &Unwritable(error)),
    })
}

/// Bytes in memory, up to a limit.
pub(super) struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.most {
            return Err(io::Error::other("the output would have more than 1 GiB; ask for less of it"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
fn replace(path: &Path, readers: Readers, bytes: &[u8]) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(_) if fs::metadata(path).is_err() && fs::symlink_metadata(path).is_ok() => {
            return Err(io::Error::new(ErrorKind::NotFound, "it is a link to nothing"));
        }
        Err(_) => path.to_owned(),
    };
    let existing = fs::metadata(&target).ok();
    match &existing {
        Some(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Some(found) if !found.is_file() => {
            return File::options().write(true).open(&target)?.write_all(bytes);
        }
        _ => {}
    }
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    hold_signals();
    let at_first = permissions(if readers == Readers::Usual && existing.is_none() { 0o666 } else { 0o600 });
    let mut made = tempfile::Builder::new();
    made.prefix(".alloc-flamegraph.").suffix(".part");
    if let Some(at_first) = at_first {
        made.permissions(at_first);
    }
    // Its name cannot be guessed, a file or a link that is there is never taken, and it is removed
    // where it does not come to its place.
    let mut file = made.tempfile_in(folder)?;
    if let (Readers::Usual, Some(existing)) = (readers, existing) {
        file.as_file().set_permissions(existing.permissions())?;
    }
    file.write_all(bytes)?;
    file.persist(&target).map(drop).map_err(|error| error.error)
}

#[cfg(unix)]
fn permissions(mode: u32) -> Option<Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn permissions(_mode: u32) -> Option<Permissions> {
    None
}

/// From here on a signal that would end the process waits, and with it the file under its first name;
/// writing it is the last thing that is done. A write beyond the limit on file sizes is an error only.
#[cfg(unix)]
fn hold_signals() {
    use nix::sys::signal::{SigSet, Signal};
    let held = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGXFSZ];
    // It fails for signals only that do not exist.
    let _ = held.into_iter().collect::<SigSet>().thread_block();
}

#[cfg(not(unix))]
fn hold_signals() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_no_larger_than_its_limit() {
        let mut bounded = Bounded { bytes: Vec::new(), most: 10 };
        assert!(bounded.write_all(b"0123456789").is_ok());
        assert!(bounded.write_all(b"0").unwrap_err().to_string().contains("more than 1 GiB"));
        assert_eq!(bounded.bytes.len(), 10);
    }
}
