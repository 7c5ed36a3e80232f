//! `cargo xtask flamegraph -- CMD ARGS`: a command that is not ours, run as if we were not there, and
//! pictures of every profile that it left. Names the tracer's environment variable.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::amount::in_binary_units;
use super::demo_run::tracer_settings;
use super::viewer::{DRAWN, PAGE, Viewer};
use super::{open, shown};
use crate::cargo::build_release;
use crate::staging::Staging;

/// Runs the command, draws what it left, and ends with the command's own exit code.
pub(super) fn run(words: &[OsString], mode: &str, out: &Path, open_it: bool) -> Result<ExitCode> {
    let [viewer] = build_release(["alloc-flamegraph"])?;
    let viewer = Viewer::new(viewer);
    let (program, arguments) = words.split_first().context("there is no command after `--`")?;
    let name = Path::new(program).file_stem().context("the command has no name")?.to_string_lossy();

    let settings = tracer_settings(mode, &out.join(format!("{name}.%p.pb.gz")))?;
    let before = profiles(out, &name)?;
    let status = Command::new(program)
        .args(arguments)
        .env("ALLOC_TRACER", with_other_settings(&settings, std::env::var("ALLOC_TRACER").ok().as_deref()))
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let code = exit_code(status);

    let mut left = profiles(out, &name)?;
    left.retain(|file, modified| before.get(file) != Some(modified));
    let mut left: Vec<PathBuf> = left.into_keys().collect();
    left.sort();
    let Some(first) = left.first() else {
        eprintln!("error: `{}` ({status}) left no profile in {}.", crate::printable(&name), shown(out));
        eprint!("{}", WHAT_A_PROGRAM_NEEDS);
        return Ok(ExitCode::from(if code == 0 { 1 } else { code }));
    };

    let staging = Staging::below(out)?;
    for file in &left {
        let stem = file.file_name().unwrap_or_default().to_string_lossy().replace(".pb.gz", "");
        eprintln!("profile: {}", shown(file));
        for sample in DRAWN {
            let picture = format!("{stem}.{sample}.svg");
            viewer.svg(file, sample, &format!("{stem}: {sample}"), PAGE, &staging.path(&picture))?;
            let total = viewer.folded(file, sample)?.total;
            eprintln!("picture: {} ({})", shown(&out.join(picture)), in_binary_units(total));
        }
    }
    staging.place_all()?;
    eprintln!("next: {} top {} --sample inuse_space", shown(viewer.path()), shown(first));
    if open_it {
        open::open(Path::new(&first.to_string_lossy().replace(".pb.gz", ".inuse_space.svg")))?;
    }
    Ok(ExitCode::from(code))
}

const WHAT_A_PROGRAM_NEEDS: &str = "\
It needs the tracer as its global allocator:

    #[global_allocator]
    static ALLOC: alloc_tracer::AllocTracer = alloc_tracer::AllocTracer::system();

and must end by returning from `main` or by `exit`: a signal ends a program before it can write.
";

/// The profiles of a program in a folder, and when each was written.
fn profiles(folder: &Path, program: &str) -> Result<HashMap<PathBuf, SystemTime>> {
    let mut found = HashMap::new();
    for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let process =
            name.strip_prefix(program).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".pb.gz"));
        if process.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())) {
            found.insert(entry.path(), entry.metadata()?.modified()?);
        }
    }
    Ok(found)
}

/// Ours, and what the user has set besides: an interval, a limit on memory.
fn with_other_settings(ours: &str, theirs: Option<&str>) -> String {
    let mut all = ours.to_owned();
    for setting in theirs.unwrap_or_default().split(',').filter(|setting| !setting.trim().is_empty()) {
        let key = setting.split('=').next().unwrap_or_default().trim();
        if !["mode", "out"].contains(&key) {
            all = format!("{all},{}", setting.trim());
        }
    }
    all
}

/// The code that a shell would report.
fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128_u8.saturating_add(signal as u8);
    }
    status.code().map_or(1, |code| code as u8)
}

#[cfg(test)]
mod tests {
    use super::with_other_settings;

    #[test]
    fn the_users_settings_stay_where_they_do_not_collide() {
        let theirs = Some("mode=off, interval=64k,out=x.pb.gz,");
        assert_eq!(with_other_settings("mode=sampled,out=y", theirs), "mode=sampled,out=y,interval=64k");
        assert_eq!(with_other_settings("mode=exact,out=y", None), "mode=exact,out=y");
    }
}
