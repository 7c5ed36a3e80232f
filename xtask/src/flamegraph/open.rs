//! The desktop's viewer for a file. Names the desktop's command and nothing of ours.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, bail};

/// Opens a file as a double click would.
pub(super) fn open(file: &Path) -> Result<ExitCode> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let status = Command::new(opener).arg(file).stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(ExitCode::SUCCESS),
        Ok(status) => bail!("{opener} could not show {} ({status}); open it by hand", file.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("there is no {opener} here; open this file by hand: {}", file.display())
        }
        Err(error) => bail!("cannot run {opener}: {error}; open this file by hand: {}", file.display()),
    }
}
