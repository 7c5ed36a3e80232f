//! pprof-alloc, at the sample rate that `PPROF_ALLOC_SAMPLE_RATE` asks for. Needs frame pointers.

use std::process::ExitCode;

use pprof_alloc::PprofAlloc;

#[global_allocator]
static ALLOC: PprofAlloc = PprofAlloc::new().with_pprof_sample_rate_from_env(512 << 10).with_stats();

fn main() -> ExitCode {
    bench_workloads::run(|_| None)
}
