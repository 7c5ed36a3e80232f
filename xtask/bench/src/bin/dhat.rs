//! dhat: every allocation, ten frames, as it comes.

use std::process::ExitCode;

use bench_workloads::Left;

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    // Dropped by `run` without a profile to write, it would write one beside the sources.
    let file = std::env::var_os("BENCH_PROFILE").unwrap_or_else(|| "/dev/null".into());
    let profiler = dhat::Profiler::builder().file_name(file).build();
    let mut profiler = Some(profiler);
    let code = bench_workloads::run(|file| {
        drop(profiler.take());
        Some(Left { file, stacks: None })
    });
    // Not at all: writing takes seconds.
    std::mem::forget(profiler);
    code
}
