//! `alloc-flamegraph top`: the functions that hold most, as a table.

use std::path::PathBuf;

use alloc_flamegraph::{TopOptions, write_top};
use alloc_tracer::profile::ReadLimits;
use clap::Args;

use super::filter::FilterArguments;
use super::input::Input;
use super::{Failure, output};

/// Prints the functions that hold most.
///
/// Flat is what a function asked for itself, cum what it and all it called asked for.
/// Estimates of sampled profiles come with their standard error: 61.0 MiB ± 1.2 MiB.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-flamegraph top heap.pb.gz
  alloc-flamegraph top heap.pb.gz --sample alloc_objects --cum -n 50
  alloc-flamegraph top heap.pb.gz --focus 'my_crate::' --ignore test
  alloc-flamegraph top new.pb.gz --base old.pb.gz")]
pub(super) struct Top {
    /// A profile in pprof's format; `-` for standard input
    file: PathBuf,
    /// The column to count: inuse_space, alloc_space, inuse_objects, alloc_objects, ...
    /// [default: the file's own]
    #[arg(long, value_name = "COLUMN")]
    sample: Option<String>,
    /// An earlier profile; the table then shows the change since
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// Order by cum instead of flat
    #[arg(long)]
    cum: bool,
    /// Most rows to print; 0 for all
    #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = 20)]
    rows: usize,
    #[command(flatten)]
    filter: FilterArguments,
    /// Count the runtime's start frames, too
    #[arg(long)]
    full_stacks: bool,
}

impl Top {
    pub(super) fn run(self, limits: ReadLimits) -> Result<(), Failure> {
        let input = Input::open(&self.file, self.sample.as_deref(), limits)?;
        let base = Input::open_base(&self.base, &input, limits)?;
        let options = TopOptions {
            by_cum: self.cum,
            rows: self.rows,
            filter: self.filter.filter(),
            full_stacks: self.full_stacks,
        };
        output::put(None, output::Readers::Usual, |out| {
            write_top(&input.profile, &input.column, base.as_ref().map(Input::parts), &options, out)
        })
    }
}
