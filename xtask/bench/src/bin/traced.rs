//! alloc-tracer, in the mode that the environment variable `ALLOC_TRACER` asks for.

use std::process::ExitCode;

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

fn main() -> ExitCode {
    bench_workloads::run(bench_workloads::traced::write_profile)
}
