//! One way to build the program: what cargo and rustc are told, and what its profile must then have.

use std::path::PathBuf;
use std::process::Command;

/// What the program's own frames are called in a report.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// By function, file and line.
    Lines,
    /// By function: there is no debug information.
    Functions,
    /// Not at all: the program is stripped.
    None,
}

pub(crate) struct Build {
    pub(crate) name: &'static str,
    /// Settings of the release profile, as in Cargo.toml, for all crates.
    pub(crate) profile: &'static [&'static str],
    /// Flags for all crates; with them goes a target, so that they are not for build scripts.
    pub(crate) all_crates: &'static [&'static str],
    /// Flags for the program alone, whose dependencies are taken from another build.
    pub(crate) last_crate: &'static [&'static str],
    pub(crate) target: &'static str,
    pub(crate) names: Names,
    pub(crate) has_whole_stacks: bool,
    /// A program without which there is no such build.
    pub(crate) needs: Option<&'static str>,
}

pub(crate) enum Built {
    Program(PathBuf),
    Impossible(String),
    Failed(String),
}

pub(crate) const GNU: &str = "x86_64-unknown-linux-gnu";

impl Build {
    pub(crate) const fn new(name: &'static str) -> Build {
        Build {
            name,
            profile: &[],
            all_crates: &[],
            last_crate: &[],
            target: GNU,
            names: Names::Lines,
            has_whole_stacks: true,
            needs: None,
        }
    }

    pub(crate) fn build(&self) -> Built {
        if !self.target_libraries().is_some_and(|path| path.exists()) {
            return Built::Impossible(format!("no standard library for {}", self.target));
        }
        if let Some(tool) = self.needs.filter(|tool| Command::new(tool).arg("--version").output().is_err()) {
            return Built::Impossible(format!("no {tool}"));
        }
        let target_directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("builds");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["rustc", "--release", "--package", "traced-ledger", "--bin", "traced-ledger"]);
        cargo.args(["--target", self.target]).arg("--target-dir").arg(&target_directory);
        for setting in ["debug=\"limited\"", "incremental=false"].iter().chain(self.profile) {
            cargo.arg("--config").arg(format!("profile.release.{setting}"));
        }
        cargo.arg("--").args(self.last_crate);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUSTFLAGS");
        cargo.env("CARGO_ENCODED_RUSTFLAGS", self.all_crates.join("\u{1f}"));
        let output = cargo.output().unwrap();
        if !output.status.success() {
            return Built::Failed(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Built::Program(target_directory.join(self.target).join("release/traced-ledger"))
    }

    /// What the program needs to find its libraries.
    pub(crate) fn environment(&self) -> Option<(&'static str, PathBuf)> {
        Some(("LD_LIBRARY_PATH", self.target_libraries()?))
    }

    fn target_libraries(&self) -> Option<PathBuf> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output =
            Command::new(rustc).args(["--print", "target-libdir", "--target", self.target]).output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    }
}
