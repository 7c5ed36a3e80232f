//! `alloc-flamegraph folded`: stacks as lines of text for other tools.

use std::path::PathBuf;

use alloc_flamegraph::{FoldedOptions, write_folded};
use alloc_tracer::profile::ReadLimits;
use clap::Args;

use super::filter::FilterArguments;
use super::input::Input;
use super::{Failure, output};

/// Prints one line per call stack, root first: `main;parse;grow 4096`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-flamegraph folded heap.pb.gz | grep parse
  alloc-flamegraph folded heap.pb.gz --sample alloc_space --out heap.folded")]
pub(super) struct Folded {
    /// A profile in pprof's format; `-` for standard input
    file: PathBuf,
    /// The column to print: inuse_space, alloc_space, inuse_objects, alloc_objects, ...
    /// [default: the file's own]
    #[arg(long, value_name = "COLUMN")]
    sample: Option<String>,
    /// Where to write the lines [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArguments,
    /// Keep the runtime's start frames, as in `lang_start` and `thread_start`
    #[arg(long)]
    full_stacks: bool,
}

impl Folded {
    pub(super) fn run(self, limits: ReadLimits) -> Result<(), Failure> {
        let input = Input::open(&self.file, self.sample.as_deref(), limits)?;
        let options = FoldedOptions { filter: self.filter.filter(), full_stacks: self.full_stacks };
        output::put(self.out.as_ref(), output::Readers::Usual, |out| {
            write_folded(&input.profile, &input.column, &options, out)
        })
    }
}
