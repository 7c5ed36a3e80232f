//! What the numbers were measured on, for the line below them.

use std::fs;
use std::process::Command;

/// Compiler, C library, processor, and how many of it.
pub(crate) fn description() -> String {
    let rustc = first_line("rustc", "--version").unwrap_or_else(|| String::from("an unknown rustc"));
    let libc =
        first_line("getconf", "GNU_LIBC_VERSION").unwrap_or_else(|| String::from("an unknown C library"));
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model.trim());
    format!("{rustc}, {libc}, {cpus} cores of {model}")
}

fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}
