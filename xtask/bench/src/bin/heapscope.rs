//! heapscope: every allocation, or one per so many bytes as `BENCH_INTERVAL` says. Needs frame pointers.

use std::process::ExitCode;

use bench_workloads::Left;
use heapscope::{Output, Profiler};

#[global_allocator]
static ALLOC: heapscope::Alloc = heapscope::Alloc::system();

fn main() -> ExitCode {
    let mut builder = Profiler::builder().no_output();
    if let Some(bytes) = std::env::var("BENCH_INTERVAL").ok().and_then(|bytes| bytes.parse().ok()) {
        builder = builder.sampling(bytes);
    }
    if let Some(file) = std::env::var_os("BENCH_PROFILE") {
        builder = builder.output(Output::dhat_v2(file));
    }
    let profiler = match builder.build() {
        Ok(profiler) => profiler,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    bench_workloads::run(move |file| {
        drop(profiler);
        Some(Left { file, stacks: None })
    })
}
