//! One run of one program: how it is started, and the line that it prints.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::contenders::{CONTENDERS, Contender};
use super::programs::Programs;
use super::sources;
use crate::interrupt;

/// Settings of a user that would change what is measured.
const SETTINGS: [&str; 9] = [
    "ALLOC_TRACER",
    "BENCH_INTERVAL",
    "BENCH_PROFILE",
    "BENCH_SOURCES",
    "BENCH_SYMBOLS",
    "MALLOC_CONF",
    "_RJEM_MALLOC_CONF",
    "GLIBC_TUNABLES",
    "PPROF_ALLOC_SAMPLE_RATE",
];

/// The numbers that a run printed, by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading(Vec<(String, f64)>);

impl Reading {
    /// Finds the line among what a wrapper may have printed beside it.
    pub(super) fn parse(output: &str) -> Result<Self> {
        let line = output.lines().find(|line| line.starts_with("units=")).context("it printed no result")?;
        let pair = |word: &str| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let pairs: Option<Vec<_>> = line.split_whitespace().map(pair).collect();
        Ok(Reading(pairs.with_context(|| format!("its result is not understood: {line}"))?))
    }

    /// A number, or NaN if the run did not print it.
    pub(super) fn get(&self, name: &str) -> f64 {
        self.0.iter().find(|(known, _)| known == name).map_or(f64::NAN, |(_, value)| *value)
    }

    /// Processor time of one unit.
    pub(super) fn cpu_nanos_per_unit(&self) -> f64 {
        self.get("cpu_seconds") * 1e9 / self.get("units")
    }

    pub(super) fn peak_bytes(&self) -> f64 {
        self.get("peak_bytes")
    }
}

/// A contender's program with its settings and nothing of the user's; `folder` takes what it leaves behind.
pub(super) fn command(programs: &Programs, contender: &Contender, folder: &Path) -> Result<Command> {
    let path = programs.path(contender).with_context(|| format!("{} was not built", contender.name))?;
    let mut command = Command::new(path);
    if contender.program == "heaptrack" {
        let bare = CONTENDERS.iter().find(|other| other.name == contender.baseline);
        let bare = bare.and_then(|bare| programs.path(bare)).context("heaptrack has no program to run")?;
        command.arg("--raw").arg("--output").arg(folder.join("heaptrack")).arg(bare);
    }
    clean(&mut command, folder);
    command.envs(contender.environment.iter().copied());
    Ok(command)
}

/// Takes the user's settings from a command and gives it a folder of its own.
pub(super) fn clean(command: &mut Command, folder: &Path) {
    for setting in SETTINGS {
        command.env_remove(setting);
    }
    command.env("BENCH_SOURCES", folder.join(sources::LIST)).current_dir(folder).stdin(Stdio::null());
}

/// Runs it and reads what it printed.
pub(super) fn read(command: &mut Command) -> Result<Reading> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    interrupt::check()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed ({}): {}", output.status, said.trim());
    }
    Reading::parse(&String::from_utf8_lossy(&output.stdout)).with_context(|| format!("{command:?}"))
}

#[cfg(test)]
mod tests {
    use super::Reading;

    #[test]
    fn the_line_is_found_among_others() {
        let output = "heaptrack output\nunits=4 cpu_seconds=0.000002 peak_bytes=4096\nnext steps\n";
        let reading = Reading::parse(output).unwrap();
        assert_eq!((reading.cpu_nanos_per_unit(), reading.peak_bytes()), (500.0, 4096.0));
        assert!(reading.get("profile_stacks").is_nan());
        assert!(Reading::parse("nothing").is_err());
        assert!(Reading::parse("units=many").is_err());
    }
}
