//! One test program, run once: with a watchdog, and with what it printed kept in files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::crates::Suite;
use super::programs::Program;
use super::proof::Proof;
use super::settings::Setting;
use super::sources::Source;
use super::verdicts::{self, Verdicts};
use crate::interrupt;

/// How long a program may take, and how many times longer with the tracer.
const LIMIT: Duration = Duration::from_secs(600);
const TRACED_LIMIT: Duration = Duration::from_secs(120);
const TIMES_LONGER: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a run came to.
pub(super) struct Run {
    pub(super) verdicts: Verdicts,
    /// None without the tracer.
    pub(super) proof: Option<Proof>,
    /// How the program ended that did not say how its tests did.
    pub(super) broke_off: Option<String>,
    pub(super) took: Duration,
}

/// The crate whose programs are run, and where what they print goes.
pub(super) struct Runner<'a> {
    pub(super) suite: &'a Suite,
    pub(super) source: &'a Source,
    pub(super) logs: &'a Path,
}

impl Runner<'_> {
    /// Runs a program in one setting, for the first time or again. `plain` is how long it takes without the tracer,
    /// where that is known.
    pub(super) fn run(
        &self,
        program: &Program,
        setting: &Setting,
        plain: Option<Duration>,
        again: usize,
    ) -> Result<Run> {
        let Runner { suite, source, logs } = self;
        let attempt = if again == 0 { String::new() } else { format!(".again-{again}") };
        let file = |kind: &str| -> PathBuf {
            logs.join(format!("{}.{}.{}{attempt}.{kind}", suite.name, program.name, setting.name))
        };
        let (printed, complained, written) = (file("stdout"), file("stderr"), file("proof"));
        let executable = if setting.tracer.is_some() { &program.traced } else { &program.plain };
        let mut command = Command::new(executable);
        // As cargo would run it.
        command.current_dir(&source.folder).env("CARGO_MANIFEST_DIR", &source.folder);
        command.env("CARGO_PKG_NAME", suite.name).env("CARGO_PKG_VERSION", &source.version);
        for own in ["ALLOC_TRACER", "SUITES_PROOF", "RUST_TEST_THREADS", "RUST_BACKTRACE"] {
            command.env_remove(own);
        }
        if let Some((settings, _)) = setting.tracer {
            File::create(&written).with_context(|| format!("cannot write {}", written.display()))?;
            command.env("ALLOC_TRACER", settings).env("SUITES_PROOF", &written);
        }
        command.stdin(Stdio::null()).stdout(File::create(&printed)?).stderr(File::create(&complained)?);
        // What it starts can then be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);

        let limit = plain.map_or(LIMIT, |plain| TRACED_LIMIT + TIMES_LONGER * plain);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run {}", executable.display()))?;
        let pid = child.id();
        let status = wait(&mut child, started + limit)?;
        let took = started.elapsed();

        let mut proof = match setting.tracer {
            Some((_, mode)) => Some(Proof::read(&fs::read_to_string(&written)?, pid, mode)?),
            None => None,
        };
        let complaints = String::from_utf8_lossy(&fs::read(&complained)?).into_owned();
        if let (Some(proof), Some(line)) =
            (&mut proof, complaints.lines().find(|l| l.starts_with("alloc-tracer:")))
        {
            proof.faults.push(line.to_owned());
        }
        let ended =
            status.map_or_else(|| format!("hung for {} s", limit.as_secs()), |status| status.to_string());
        let (verdicts, broke_off) = match verdicts::read(&String::from_utf8_lossy(&fs::read(&printed)?)) {
            Ok(verdicts) => (verdicts, status.is_none().then_some(ended)),
            Err(why) => (Verdicts::new(), Some(format!("{ended}: {why} ({})", printed.display()))),
        };
        Ok(Run { verdicts, proof, broke_off, took })
    }
}

/// The end of a process, or none if it had to be ended.
fn wait(child: &mut Child, until: Instant) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let interrupted = interrupt::check();
        if interrupted.is_err() || Instant::now() > until {
            // The group has the number of its first process.
            let group = format!("-{}", child.id());
            Command::new("kill").args(["-KILL", "--", &group]).status().context("cannot run kill")?;
            child.wait()?;
            interrupted?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
