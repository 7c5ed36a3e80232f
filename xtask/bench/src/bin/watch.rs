//! Runs a command and prints what it took as a benchmark process does: `watch COMMAND ARGUMENTS`. The
//! command's own output goes to stderr.

use std::os::fd::AsFd;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("usage: watch COMMAND ARGUMENTS");
        return ExitCode::FAILURE;
    };
    let Ok(stdout) = std::io::stderr().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let started = Instant::now();
    let status = Command::new(&program).args(words).stdout(Stdio::from(stdout)).status();
    let wall = started.elapsed().as_secs_f64();
    match status {
        Ok(status) if status.success() => {
            println!("units=1 {} wall_seconds={wall:.6}", usage());
            ExitCode::SUCCESS
        }
        Ok(status) => {
            eprintln!("{}: {status}", program.display());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}

/// Of the one child that there was.
fn usage() -> String {
    // SAFETY: all-zero bytes are a valid rusage, which is integers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to an rusage of ours.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) };
    assert_eq!(failed, 0, "children can be asked for");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    format!("cpu_seconds={cpu:.6} peak_bytes={}", usage.ru_maxrss * 1024)
}
