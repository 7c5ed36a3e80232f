//! `alloc-flamegraph svg`: a flame graph, plain or against a base.

use std::path::PathBuf;

use alloc_flamegraph::{Root, SvgOptions, write_svg, write_svg_diff};
use alloc_tracer::profile::ReadLimits;
use clap::{Args, ValueEnum};

use super::filter::FilterArguments;
use super::input::Input;
use super::{Failure, output};

/// Draws a flame graph as an SVG that opens in any browser.
///
/// The wider a frame, the more it and all it called hold; click to zoom, Ctrl-F to search.
/// With --base, red frames grew and blue ones shrank.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-flamegraph svg heap.pb.gz --out heap.svg
  alloc-flamegraph svg heap.pb.gz --sample alloc_space --out allocated.svg
  alloc-flamegraph svg heap.pb.gz --focus 'my_crate::' --out mine.svg
  alloc-flamegraph svg new.pb.gz --base old.pb.gz --out growth.svg")]
pub(super) struct Svg {
    /// A profile in pprof's format; `-` for standard input
    file: PathBuf,
    /// The column to draw: inuse_space, alloc_space, inuse_objects, alloc_objects, ...
    /// [default: the file's own]
    #[arg(long, value_name = "COLUMN")]
    sample: Option<String>,
    /// An earlier profile to compare with
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// Where to write the picture [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The side at which call stacks begin
    #[arg(long, value_enum, default_value = "top")]
    root: Side,
    /// Words before the column's in the title
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    #[command(flatten)]
    filter: FilterArguments,
    /// Keep the runtime's start frames, as in `lang_start` and `thread_start`
    #[arg(long)]
    full_stacks: bool,
    /// Pixels, for pages that show the picture as an image; alone it is as wide as its window
    /// [default: 1200]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(300..=10_000))]
    width: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Side {
    Top,
    Bottom,
}

impl Svg {
    pub(super) fn run(self, limits: ReadLimits) -> Result<(), Failure> {
        let input = Input::open(&self.file, self.sample.as_deref(), limits)?;
        let base = Input::open_base(&self.base, &input, limits)?;
        let root = match self.root {
            Side::Top => Root::Top,
            Side::Bottom => Root::Bottom,
        };
        let options = SvgOptions {
            title: self.title,
            filter: self.filter.filter(),
            root,
            full_stacks: self.full_stacks,
            width: self.width,
        };
        output::put(self.out.as_ref(), output::Readers::Usual, |out| match &base {
            Some(base) => write_svg_diff(base.parts(), input.parts(), &options, out),
            None => write_svg(&input.profile, &input.column, &options, out),
        })
    }
}
