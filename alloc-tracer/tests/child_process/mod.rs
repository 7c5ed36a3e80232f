//! Runs a scenario of this test file in a process of its own: the test program again, with one test
//! chosen and an environment variable that makes it act.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

#[allow(dead_code, reason = "each test file uses its own part of this module")]
const ROLE: &str = "ALLOC_TRACER_TEST_ROLE";

#[allow(dead_code, reason = "each test file uses its own part of this module")]
const SKIPPED: &str = ": skipped, ";

/// Whether this process was started to play `role`.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn plays(role: &str) -> bool {
    std::env::var_os(ROLE).is_some_and(|played| played == role)
}

/// A command that runs the test function `role` of this file, which then finds that it [`plays`] it.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn role(role: &str, alloc_tracer: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", role, "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env("ALLOC_TRACER", alloc_tracer);
    command
}

/// Runs `command` to its end, which must come within a minute: see [`output_within`].
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn output_within_a_minute(command: Command) -> Output {
    output_within(command, Duration::from_secs(60))
}

/// Runs `command` to its end. A process that is not done when the time is over hangs: it is killed with all of
/// its children, and what its threads were waiting for is in the message.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn output_within(mut command: Command, limit: Duration) -> Output {
    let start = Instant::now();
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = read_in_background(child.stdout.take().unwrap());
    let stderr = read_in_background(child.stderr.take().unwrap());
    let hung = loop {
        match child.try_wait().unwrap() {
            Some(_) => break None,
            None if start.elapsed() > limit => {
                let threads = threads_of(child.id());
                break Some(threads);
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    // SAFETY: a signal to the group that the child was made the leader of; without members it is an error.
    unsafe { libc::kill(-child.id().cast_signed(), libc::SIGKILL) };
    let status = child.wait().unwrap();
    let output = Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() };
    // What the process could not test is for whoever reads this one's words.
    for (what, why) in
        String::from_utf8_lossy(&output.stderr).lines().filter_map(|line| line.split_once(SKIPPED))
    {
        skipped(what, why);
    }
    if let Some(threads) = hung {
        panic!("{command:?} hung for {limit:?}\n{threads}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    output
}

/// Has the kernel end what `command` runs after a minute, for tests that talk with it while it runs.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn end_after_a_minute(command: &mut Command) {
    let set = || {
        // SAFETY: async-signal-safe, and without preconditions; the program that is started keeps the alarm.
        unsafe { libc::alarm(60) };
        Ok(())
    };
    // SAFETY: the closure makes one async-signal-safe call and allocates nothing.
    unsafe { command.pre_exec(set) };
}

fn read_in_background(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// The state of every thread of a process, a line each, and what it waits for in the kernel.
fn threads_of(process: u32) -> String {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return String::new() };
    let describe = |thread: PathBuf| {
        let read = |file: &str| std::fs::read_to_string(thread.join(file)).unwrap_or_default();
        let state = read("stat").rsplit(')').next().unwrap_or_default().chars().take(2).collect::<String>();
        format!("thread {}:{state} in {}\n", thread.display(), read("wchan"))
    };
    threads.flatten().map(|thread| describe(thread.path())).collect()
}

/// What the tracer said on standard error.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn said(output: &Output) -> String {
    let all = String::from_utf8_lossy(&output.stderr).into_owned();
    all.lines().filter(|line| line.starts_with("alloc-tracer:")).map(|line| format!("{line}\n")).collect()
}

/// Says, once, that `what` could not be tested here. Written past `eprintln!`, which the harness hides of tests that pass.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn skipped(what: &str, why: impl std::fmt::Display) {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let line = format!("{what}{SKIPPED}{why}\n");
    let mut lines = LINES.lock().unwrap();
    if lines.contains(&line) {
        return;
    }
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    lines.push(line);
}

/// An empty directory for one test.
#[allow(dead_code, reason = "each test file uses its own part of this module")]
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}
