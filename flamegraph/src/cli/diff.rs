//! `alloc-flamegraph diff`: which functions grew and which shrank, as a table.

use std::path::PathBuf;

use alloc_flamegraph::{DiffOptions, write_diff};
use alloc_tracer::profile::ReadLimits;
use clap::Args;

use super::filter::FilterArguments;
use super::input::Input;
use super::{Failure, output};

/// Prints which functions grew and which shrank between two profiles.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-flamegraph diff before.pb.gz after.pb.gz
  alloc-flamegraph diff before.pb.gz after.pb.gz --sample inuse_objects -n 0")]
pub(super) struct Diff {
    /// The earlier profile
    base: PathBuf,
    /// The later profile
    new: PathBuf,
    /// The column to compare: inuse_space, alloc_space, inuse_objects, alloc_objects, ...
    /// [default: the later file's own]
    #[arg(long, value_name = "COLUMN")]
    sample: Option<String>,
    /// Most rows to print; 0 for all
    #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = 30)]
    rows: usize,
    #[command(flatten)]
    filter: FilterArguments,
}

impl Diff {
    pub(super) fn run(self, limits: ReadLimits) -> Result<(), Failure> {
        let new = Input::open(&self.new, self.sample.as_deref(), limits)?;
        let base = Input::open(&self.base, Some(&new.column.name), limits)?;
        let options = DiffOptions { filter: self.filter.filter(), rows: self.rows };
        output::put(None, output::Readers::Usual, |out| write_diff(base.parts(), new.parts(), &options, out))
    }
}
