//! jemalloc, built with its profiler; `_RJEM_MALLOC_CONF` turns it on.

use std::process::ExitCode;

#[global_allocator]
static ALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    bench_workloads::run(|_| None)
}
