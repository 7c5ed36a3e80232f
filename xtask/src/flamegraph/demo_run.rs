//! One run of a variant of a demo: its words, its sums and, where it is to be seen, its pictures. Names the
//! tracer's environment variable and the names of the files that people find.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::demo_list::DemoEntry;
use super::folded::Folded;
use super::picture::Picture;
use super::size::Size;
use super::totals::{Process, Totals};
use super::viewer::{DRAWN, HALF_PAGE, PAGE, Viewer};
use crate::interrupt;
use crate::staging::Staging;

/// What every run needs.
pub(super) struct Workshop<'a> {
    pub(super) program: &'a Path,
    pub(super) viewer: &'a Viewer,
    pub(super) staging: &'a Staging,
    pub(super) mode: &'a str,
    pub(super) size: Size,
}

/// What a run left.
pub(super) struct DemoRun {
    pub(super) demo: String,
    pub(super) variant: String,
    /// What the program printed.
    pub(super) text: String,
    pub(super) totals: Totals,
    /// One for each of [`DRAWN`]; none where only the sums are wanted.
    pub(super) measures: Vec<Measure>,
}

/// One drawn column of a run's profile.
pub(super) struct Measure {
    pub(super) sample: &'static str,
    pub(super) picture: Picture,
    pub(super) stacks: Folded,
    /// The functions with the largest values, a table for people.
    pub(super) table: String,
}

impl DemoRun {
    /// Runs the demo and adds up what it left.
    pub(super) fn record(workshop: &Workshop<'_>, demo: &DemoEntry, variant: &str) -> Result<Self> {
        let Workshop { viewer, staging, .. } = workshop;
        let mut run = DemoRun {
            demo: demo.name.clone(),
            variant: variant.to_owned(),
            text: String::new(),
            totals: Totals::default(),
            measures: Vec::new(),
        };
        let profile = staging.path(&run.file("pb.gz"));
        let settings = tracer_settings(workshop.mode, &profile)?;
        let (text, report) = execute(workshop, demo, variant, &settings)?;
        run.text = text;
        ensure!(profile.is_file(), "{} {variant} left no profile although its tracer was told to", demo.name);
        staging.write(&run.file("txt"), &run.text)?;
        let total = |column| Ok::<_, anyhow::Error>(viewer.folded(&profile, column)?.total);
        run.totals = Totals {
            held_bytes: total("inuse_space")?,
            held_blocks: total("inuse_objects")?,
            allocated_bytes: total("alloc_space")?,
            allocations: total("alloc_objects")?,
            process: Process::read(&report),
        };
        Ok(run)
    }

    /// Draws what it left.
    pub(super) fn draw(&mut self, workshop: &Workshop<'_>, title: &str) -> Result<()> {
        let Workshop { viewer, staging, .. } = workshop;
        let profile = staging.path(&self.file("pb.gz"));
        for sample in DRAWN {
            let file = self.file(&format!("{sample}.svg"));
            // There is room for 58 letters, of which what the picture says of itself takes up to 40.
            let title = format!("{title} {}", self.variant);
            let title = if title.len() <= 18 { title } else { self.variant.clone() };
            viewer.svg(&profile, sample, &title, HALF_PAGE, &staging.path(&file))?;
            self.measures.push(Measure {
                sample,
                picture: Picture::read(&staging.path(""), file, HALF_PAGE)?,
                stacks: viewer.folded(&profile, sample)?,
                table: viewer.top(&profile, sample)?,
            });
        }
        Ok(())
    }

    /// The name of one of the run's files.
    pub(super) fn file(&self, end: &str) -> String {
        format!("{}.{}.{end}", self.demo, self.variant)
    }
}

/// Draws what the first run holds more, and less, than the second.
pub(super) fn draw_difference(
    workshop: &Workshop<'_>,
    title: &str,
    [leak, fix]: [&DemoRun; 2],
) -> Result<Picture> {
    let Workshop { viewer, staging, .. } = workshop;
    let name = format!("{}.diff.svg", leak.demo);
    let title = format!("{title}, {} against {}", leak.variant, fix.variant);
    let (base, new) = (staging.path(&fix.file("pb.gz")), staging.path(&leak.file("pb.gz")));
    viewer.difference(&base, &new, &title, PAGE, &staging.path(&name))?;
    Picture::read(&staging.path(""), name, PAGE)
}

/// The value of `ALLOC_TRACER` that writes a profile to `file`.
pub(super) fn tracer_settings(mode: &str, file: &Path) -> Result<String> {
    let file = file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?;
    // A comma ends a setting.
    ensure!(!file.contains(','), "the tracer cannot write to a path with a comma in it: {file}");
    Ok(format!("mode={mode},out={file}"))
}

/// What it printed, and what its tracer reported.
fn execute(
    workshop: &Workshop<'_>,
    demo: &DemoEntry,
    variant: &str,
    settings: &str,
) -> Result<(String, String)> {
    let name = &demo.name;
    let size = workshop.size.of(demo.default_size).to_string();
    let mut command = Command::new(workshop.program);
    command.args([name, "--variant", variant, "--size", &size]);
    command.env("ALLOC_TRACER", settings).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot run {}", workshop.program.display()))?;
    interrupt::check()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let status = output.status;
    ensure!(
        status.success(),
        "{name} {variant} failed ({status}); where memory is short, try --size 1/16\n{}",
        errors.trim()
    );
    let text = String::from_utf8(output.stdout);
    Ok((text.with_context(|| format!("{name} {variant} printed no text"))?, errors.into_owned()))
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
