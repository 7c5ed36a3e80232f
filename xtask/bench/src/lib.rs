//! What a benchmark process does: `PROGRAM WORKLOAD UNITS` prepares a workload, runs so many units of it,
//! and prints one line of `name=value` pairs. The programs in `bin/` differ by their allocator only.
//! Names no allocator. Broken by: `cargo xtask bench`.

mod process;
pub mod traced;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// What an allocator leaves behind when it is asked for its profile.
#[derive(Debug)]
pub struct Left {
    /// The file that was written.
    pub file: PathBuf,
    /// How many call stacks are in it, where the allocator tells.
    pub stacks: Option<usize>,
}

/// Runs the workload that the command line names. Where the environment variable `BENCH_PROFILE` holds
/// a path, `write_profile` is then called with it, while what the workload keeps is alive, and measured on its own.
pub fn run(write_profile: impl FnOnce(PathBuf) -> Option<Left>) -> ExitCode {
    match measure(write_profile) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(write_profile: impl FnOnce(PathBuf) -> Option<Left>) -> Result<String, String> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: PROGRAM WORKLOAD UNITS";
    let name = arguments.next().ok_or(usage)?;
    let units: u64 = arguments.next().and_then(|units| units.parse().ok()).ok_or(usage)?;
    let mut workload = workloads::named(&name)?;

    let (cpu, started) = (process::cpu_seconds(), Instant::now());
    workload.run(units);
    let (cpu, wall) = (process::cpu_seconds() - cpu, started.elapsed().as_secs_f64());
    let peak = process::peak_bytes();
    let mut line = format!("units={units} cpu_seconds={cpu:.6} wall_seconds={wall:.6} peak_bytes={peak}");

    if let Some(path) = std::env::var_os("BENCH_PROFILE") {
        let (cpu, started) = (process::cpu_seconds(), Instant::now());
        let left = write_profile(path.into()).ok_or("this allocator writes no profile")?;
        let (cpu, wall) = (process::cpu_seconds() - cpu, started.elapsed().as_secs_f64());
        let peak = process::peak_bytes();
        let bytes = std::fs::metadata(&left.file).map_err(|error| error.to_string())?.len();
        line += &format!(
            " profile_cpu_seconds={cpu:.6} profile_wall_seconds={wall:.6} profile_peak_bytes={peak} \
             profile_file_bytes={bytes}"
        );
        if let Some(stacks) = left.stacks {
            line += &format!(" profile_stacks={stacks}");
        }
    }
    drop(workload);
    Ok(line)
}
