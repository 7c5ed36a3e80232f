//! pprof-alloc, at the sample rate that `PPROF_ALLOC_SAMPLE_RATE` asks for. Needs frame pointers.

use std::process::ExitCode;

use bench_workloads::Left;
use pprof_alloc::PprofAlloc;

#[global_allocator]
static ALLOC: PprofAlloc = PprofAlloc::new().with_pprof_sample_rate_from_env(512 << 10).with_stats();

fn main() -> ExitCode {
    bench_workloads::run(|file| {
        let profile = pprof_alloc::generate_pprof().ok()?;
        std::fs::write(&file, profile).ok()?;
        Some(Left { file, stacks: None })
    })
}
