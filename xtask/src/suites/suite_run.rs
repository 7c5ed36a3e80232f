//! All tests of one crate in all settings, and what came of it: the order of runs, and when a difference is
//! nobody's fault.

use std::path::Path;

use anyhow::Result;

use super::comparison::{differences, good_ends};
use super::crates::Suite;
use super::programs::Program;
use super::run::{Run, Runner};
use super::settings::{EXACT, PLAIN, Setting, TRACED};
use super::sources::Source;
use crate::progress::Progress;

/// How often a program is run again, in both ways, after a test ended differently.
const AGAIN: usize = 3;

/// What the table says of a crate.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) version: String,
    pub(super) programs: usize,
    /// All tests, and those among them that their authors have marked as ignored.
    pub(super) tests: usize,
    pub(super) ignored: usize,
    /// Tests that passed: without the tracer, and in each of its settings.
    pub(super) passed: [usize; 1 + TRACED.len()],
    /// Processes that said that the tracer was live, in all settings.
    pub(super) processes: u64,
    /// Allocations in exact mode, and call stacks.
    pub(super) allocations: u64,
    pub(super) sites: u64,
    /// What fails with the tracer only, or is wrong with the tracer.
    pub(super) failures: Vec<String>,
    /// What fails with and without.
    pub(super) notes: Vec<String>,
}

/// Runs them.
pub(super) fn run_all(
    suite: &'static Suite,
    source: &Source,
    programs: &[Program],
    logs: &Path,
    progress: &mut Progress,
) -> Result<Outcome> {
    let runner = Runner { suite, source, logs };
    let version = source.version.clone();
    let mut outcome = Outcome { name: suite.name, version, programs: programs.len(), ..Outcome::default() };
    for (name, what_for) in suite.apart {
        outcome.notes.push(format!("`{name}` is not run: it has an allocator of its own, which {what_for}."));
    }
    for program in programs {
        progress.detail(&format!("{} {} plain", suite.name, program.name));
        let plain = runner.run(program, &PLAIN, None, 0)?;
        outcome.tests += plain.verdicts.len();
        outcome.ignored += passed(&plain, "ignored");
        outcome.passed[0] += passed(&plain, "ok");
        for (test, _) in plain.verdicts.iter().filter(|(_, said)| **said == "FAILED") {
            outcome.notes.push(format!("`{}` `{test}` fails without the tracer, too.", program.name));
        }
        for (setting, sum) in TRACED.iter().zip(1..) {
            progress.detail(&format!("{} {} {}", suite.name, program.name, setting.name));
            let traced = runner.run(program, setting, Some(plain.took), 0)?;
            outcome.passed[sum] += passed(&traced, "ok");
            outcome.count(program, setting, &traced);
            outcome.compare(&runner, program, setting, [&plain, &traced])?;
        }
    }
    Ok(outcome)
}

fn passed(run: &Run, verdict: &str) -> usize {
    run.verdicts.values().filter(|said| **said == verdict).count()
}

impl Outcome {
    fn count(&mut self, program: &Program, setting: &Setting, run: &Run) {
        let Some(proof) = &run.proof else { return };
        self.processes += proof.processes;
        if setting.name == EXACT {
            self.allocations += proof.allocations;
            self.sites += proof.sites;
        }
        let place = format!("`{}`, {}", program.name, setting.name);
        self.failures.extend(proof.faults.iter().map(|fault| format!("{place}: {fault}.")));
    }

    /// A test that also fails without the tracer, if only now and then, says nothing about the tracer; nor does
    /// one that looks at a clock and failed once. Both are noted.
    fn compare(
        &mut self,
        runner: &Runner<'_>,
        program: &Program,
        setting: &Setting,
        [plain, traced]: [&Run; 2],
    ) -> Result<()> {
        let mut found = differences(plain, traced);
        // These are named already.
        found.retain(|of| of.plain != "FAILED");
        if found.is_empty() {
            return Ok(());
        }
        let (mut more_plain, mut more_traced) = (Vec::new(), Vec::new());
        for again in 1..=AGAIN {
            more_plain.push(runner.run(program, &PLAIN, None, again)?);
            more_traced.push(runner.run(program, setting, Some(plain.took), again)?);
        }
        for of in found {
            let [without, with] = [&more_plain, &more_traced].map(|runs| good_ends(runs, &of.test));
            let says = format!(
                "`{}` `{}`: {} without the tracer, {} with ({}); run again, good without in {without} of {AGAIN}, with in {with}.",
                program.name, of.test, of.plain, of.traced, setting.name
            );
            let is_unsteady = without < AGAIN;
            let is_late = runner.suite.timed && with == AGAIN;
            // Of a program that broke off without the tracer nothing could be compared.
            let is_nobodys = plain.broke_off.is_none() && (is_unsteady || is_late);
            if is_nobodys { self.notes.push(says) } else { self.failures.push(says) }
        }
        Ok(())
    }
}
