//! The system's allocator, and what every other program here is compared to.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench_workloads::run(|_| None)
}
