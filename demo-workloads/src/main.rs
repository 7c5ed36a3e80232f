//! The command line: finds the demo, runs it, and keeps what it holds until the process ends, as a
//! service would. Names the table of demos, never a single demo.
//! Broken by: `tests/demos/command_line.rs`.

mod demos;
mod fixed_hash;
mod id_hash;
mod ledger;
mod listing;
mod statement;

use std::io::{self, Write};
use std::process::ExitCode;

use alloc_tracer::AllocTracer;
use clap::Parser;

use crate::demos::Demo;
use crate::ledger::Ledger;
use crate::listing::ListFormat;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

const EXAMPLES: &str = "\
Examples:
  demo-workloads --list
  demo-workloads map-delete
  demo-workloads map-delete --variant rebuild
  demo-workloads vec-truncate --explain
  demo-workloads vec-truncate --code
  ALLOC_TRACER=mode=exact,out=heap.pb.gz demo-workloads sub-slice --size 32";

/// Runs a small program that keeps memory the way real services do, or one of its fixes.
#[derive(Parser)]
#[command(name = "demo-workloads", version, after_help = EXAMPLES)]
struct Cli {
    /// The demo to run; `--list` names them
    #[arg(value_name = "NAME", required_unless_present = "list")]
    demo: Option<String>,
    /// `leaky`, `fixed`, or another name that `--list` gives
    #[arg(long, value_name = "VARIANT", default_value = "leaky")]
    variant: String,
    /// How much to store, in the demo's own unit (see `--list`)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    size: Option<u64>,
    /// Say what leaks, why, what the flame graphs show and what fixes it; run nothing
    #[arg(long)]
    explain: bool,
    /// Print the lines of code that matter; run nothing
    #[arg(long, conflicts_with = "explain")]
    code: bool,
    /// Name the demos, what each keeps, and their variants
    #[arg(long, conflicts_with_all = ["demo", "explain", "code"])]
    list: bool,
    /// How `--list` prints
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ListFormat::Text, requires = "list")]
    format: ListFormat,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.demo {
        None => listing::print(&mut io::stdout().lock(), cli.format),
        Some(name) => match Demo::find(name) {
            None => return usage_error(&format!("no demo is called `{name}`"), "demos", demos::names()),
            Some(demo) if cli.explain => listing::explain(&mut io::stdout().lock(), demo),
            Some(demo) if cli.code => writeln!(io::stdout(), "{}", demo.core()),
            Some(demo) if !demo.has_variant(&cli.variant) => {
                let what = format!("`{name}` has no variant `{}`", cli.variant);
                return usage_error(&what, "variants", demo.variant_names());
            }
            Some(demo) => run(demo, &cli),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our lines has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo-workloads: cannot write the output: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(demo: &Demo, cli: &Cli) -> io::Result<()> {
    let size = cli.size.unwrap_or(demo.size.default) as usize;
    let mut ledger = Ledger::open(io::stdout());
    let held = (demo.run)(demo.fix(&cli.variant), size, &mut ledger)?;
    ledger.reconcile()?;
    // A service does not end: what it holds must still be alive when the profile is taken at exit.
    std::mem::forget(held);
    Ok(())
}

fn usage_error(what: &str, kind: &str, known: Vec<&str>) -> ExitCode {
    eprintln!("demo-workloads: {what}; known {kind}: {}", known.join(", "));
    ExitCode::from(2)
}
