//! Profiles from files, and the columns that the user asked for. Names the profile model and
//! `Column`. Broken by: `tests/cli_errors.rs`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use alloc_flamegraph::Column;
use alloc_tracer::Profile;
use alloc_tracer::profile::{ReadError, ReadLimits};

use super::Failure;

/// A profile and one of its columns.
pub(super) struct Input {
    pub(super) profile: Profile,
    pub(super) column: Column,
}

impl Input {
    /// Reads a profile, hides the allocator's own frames and finds the column; without a name the
    /// file's default.
    pub(super) fn open(path: &Path, sample: Option<&str>, limits: ReadLimits) -> Result<Input, Failure> {
        let mut profile = read(path, limits)?;
        profile.hide_allocator_frames();
        let column = Column::find(&profile, sample).map_err(|error| at(path, &error))?;
        Ok(Input { profile, column })
    }

    /// Reads the profile to compare with; its column is that of the same name.
    pub(super) fn open_base(
        path: &Option<PathBuf>,
        new: &Input,
        limits: ReadLimits,
    ) -> Result<Option<Input>, Failure> {
        path.as_ref().map(|path| Input::open(path, Some(&new.column.name), limits)).transpose()
    }

    pub(super) fn parts(&self) -> (&Profile, &Column) {
        (&self.profile, &self.column)
    }
}

/// Reads a profile from a file, or from standard input for `-`.
pub(super) fn read(path: &Path, limits: ReadLimits) -> Result<Profile, Failure> {
    let profile = if path == Path::new("-") {
        Profile::read_pprof_within(io::stdin().lock(), limits)
    } else {
        File::open(path).map_err(ReadError::Io).and_then(|file| Profile::read_pprof_within(file, limits))
    };
    profile.map_err(|error| match error {
        ReadError::TooLarge { .. } | ReadError::TooMuch { .. } => at(path, &Raisable(error)),
        _ => at(path, &error),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("{0}; if you trust the file, give it room with --max-size")]
struct Raisable(ReadError);

/// An error with the path in front.
pub(super) fn at(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::Message(format!("{}: {error}", path.display()))
}
