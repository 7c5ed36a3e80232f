//! `alloc-flamegraph symbolize`: names for a profile that was written without.

use std::io::{self, Write};
use std::path::PathBuf;

use alloc_flamegraph::symbolize;
use alloc_tracer::profile::ReadLimits;
use clap::Args;

use super::input::read;
use super::{Failure, output};

/// Names the addresses of a profile that was written without symbols.
///
/// Looks at the binaries given, at each module's own path and at /usr/lib/debug/.build-id;
/// only a binary with the module's build id is used.
#[derive(Debug, Args)]
#[command(
    override_usage = "alloc-flamegraph symbolize <FILE> [OPTIONS]",
    after_help = "\
Examples:
  alloc-flamegraph symbolize heap.pb.gz --out named.pb.gz
  alloc-flamegraph symbolize heap.pb.gz --binary target/release/app --out named.pb.gz
  alloc-flamegraph symbolize heap.pb.gz --binary app.debug | alloc-flamegraph top -"
)]
pub(super) struct Symbolize {
    /// A profile in pprof's format; `-` for standard input
    file: PathBuf,
    /// A binary or separate debug file of the program or of one of its libraries; may be repeated
    #[arg(long, value_name = "PATH", num_args = 1..)]
    binary: Vec<PathBuf>,
    /// Where to write the profile with names [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Symbolize {
    pub(super) fn run(self, limits: ReadLimits) -> Result<(), Failure> {
        let mut profile = read(&self.file, limits)?;
        let outcome =
            symbolize(&mut profile, &self.binary).map_err(|error| Failure::Message(error.to_string()))?;
        let mut stderr = io::stderr().lock();
        for module in &outcome.missing {
            let id = match module.build_id.as_str() {
                "" => String::new(),
                id => format!(" (build id {id})"),
            };
            // Nothing is left to be told to somebody who has closed stderr.
            let _ = writeln!(
                stderr,
                "alloc-flamegraph: {}{id} keeps its addresses: {}; give its binary or debug file with --binary PATH",
                module.path, module.reason
            );
        }
        output::put(self.out.as_ref(), output::Readers::Owner, |out| profile.write_pprof(out))
    }
}
