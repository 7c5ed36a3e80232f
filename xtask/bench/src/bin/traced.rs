//! alloc-tracer, in the mode that the environment variable `ALLOC_TRACER` asks for. Where
//! `BENCH_SYMBOLS` is `no` the profile has addresses only.

use std::process::ExitCode;

use alloc_tracer::AllocTracer;
use bench_workloads::Left;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

fn main() -> ExitCode {
    bench_workloads::run(|file| {
        let snapshot = alloc_tracer::snapshot();
        let stacks = Some(snapshot.sites().count());
        let profile = if std::env::var("BENCH_SYMBOLS").as_deref() == Ok("no") {
            snapshot.profile_without_symbols()
        } else {
            snapshot.profile()
        };
        profile.write_pprof_file(&file).ok()?;
        Some(Left { file, stacks })
    })
}
