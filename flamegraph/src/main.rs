//! The command `alloc-flamegraph`: arguments in, exit code out. All work is in `cli` and the library.
//! Broken by: `tests/cli_errors.rs`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
