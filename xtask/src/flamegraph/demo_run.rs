//! One run of a variant of a demo: its words, its profile, its pictures, its sums. Names the tracer's
//! environment variable and the names of the files that people find.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::folded::Folded;
use super::viewer::{SAMPLES, Viewer};
use crate::interrupt;
use crate::staging::Staging;

/// What a run left.
pub(super) struct DemoRun {
    pub(super) demo: String,
    pub(super) variant: String,
    /// What the program printed.
    pub(super) text: String,
    /// One for each of [`SAMPLES`].
    pub(super) measures: Vec<Measure>,
}

/// One column of a run's profile.
pub(super) struct Measure {
    pub(super) sample: &'static str,
    pub(super) stacks: Folded,
    /// The functions with the largest values, a table for people.
    pub(super) table: String,
}

impl DemoRun {
    /// Runs the demo and draws what it left.
    pub(super) fn record(
        program: &Path,
        viewer: &Viewer,
        staging: &Staging,
        demo: &str,
        variant: &str,
        mode: &str,
    ) -> Result<Self> {
        let mut run = DemoRun {
            demo: demo.to_owned(),
            variant: variant.to_owned(),
            text: String::new(),
            measures: vec![],
        };
        let profile = staging.path(&run.file("pb.gz"));
        run.text = execute(program, demo, variant, &tracer_settings(mode, &profile)?)?;
        ensure!(profile.is_file(), "{demo} {variant} left no profile although its tracer was told to");
        staging.write(&run.file("txt"), &run.text)?;
        for sample in SAMPLES {
            let title = format!("{demo}, {variant}: {sample}");
            viewer.svg(&profile, sample, &title, &staging.path(&run.file(&format!("{sample}.svg"))))?;
            run.measures.push(Measure {
                sample,
                stacks: Folded::parse(&viewer.folded(&profile, sample)?)?,
                table: viewer.top(&profile, sample)?,
            });
        }
        Ok(run)
    }

    /// The name of one of the run's files.
    pub(super) fn file(&self, end: &str) -> String {
        format!("{}.{}.{end}", self.demo, self.variant)
    }
}

/// Draws what the leak adds: the first run against the second. Returns the picture's name, if there
/// are two runs.
pub(super) fn draw_difference(
    viewer: &Viewer,
    staging: &Staging,
    demo: &str,
    runs: &[DemoRun],
) -> Result<Option<String>> {
    let [leak, fix, ..] = runs else { return Ok(None) };
    let name = format!("{demo}.diff.svg");
    let title = format!("{demo}: what {} holds more than {}", leak.variant, fix.variant);
    let (base, new) = (staging.path(&fix.file("pb.gz")), staging.path(&leak.file("pb.gz")));
    viewer.difference(&base, &new, &title, &staging.path(&name))?;
    Ok(Some(name))
}

/// The value of `ALLOC_TRACER` that writes a profile to `file`.
pub(super) fn tracer_settings(mode: &str, file: &Path) -> Result<String> {
    let file = file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?;
    // A comma ends a setting.
    ensure!(!file.contains(','), "the tracer cannot write to a path with a comma in it: {file}");
    Ok(format!("mode={mode},out={file}"))
}

fn execute(program: &Path, demo: &str, variant: &str, settings: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.args([demo, "--variant", variant]).env("ALLOC_TRACER", settings).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot run {}", program.display()))?;
    interrupt::check()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{demo} {variant} failed: {}", errors.trim());
    String::from_utf8(output.stdout).with_context(|| format!("{demo} {variant} printed no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_path_is_refused_before_the_program_runs() {
        assert_eq!(tracer_settings("exact", Path::new("a/b.pb.gz")).unwrap(), "mode=exact,out=a/b.pb.gz");
        assert!(tracer_settings("exact", Path::new("a,b/c.pb.gz")).is_err());
    }
}
