//! The programs of `xtask/checked`, built for a checker and run in every mode of the tracer.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Result, bail};

use super::outcome::output_of;
use crate::cargo::{Built, target_folder};
use crate::repository;

/// The modes in which small blocks stand differently; one past the end of a block means something else in
/// each.
pub(super) const MODES: [&str; 4] = ["mode=off", "mode=sampled,interval=1k", LISTED, TAGGED];

/// Every block is in the table.
pub(super) const LISTED: &str = "mode=exact,blocks=listed";

/// Small blocks have eight bytes more, which are the tracer's.
pub(super) const TAGGED: &str = "mode=exact,blocks=tagged";

pub(super) struct Programs {
    sound: PathBuf,
    faulty: PathBuf,
}

impl Programs {
    /// Builds them with a cargo that has its flags, for a checker of this name.
    pub(super) fn build(mut cargo: Command, checker: &str) -> Result<Programs> {
        cargo.args(["build", "--quiet", "--locked", "--manifest-path"]);
        cargo.arg(repository::root().join("xtask/checked/Cargo.toml"));
        cargo.arg("--target-dir").arg(target_folder().join("checkers").join(checker));
        let built = Built::by(&mut cargo)?;
        match (built.succeeded, built.executable("sound"), built.executable("faulty")) {
            (true, Some(sound), Some(faulty)) => {
                Ok(Programs { sound: sound.clone(), faulty: faulty.clone() })
            }
            _ => bail!("the checked programs do not build: {cargo:?}"),
        }
    }

    /// Runs the sound program so many rounds long.
    pub(super) fn sound(&self, run: impl Fn(&Path) -> Command, mode: &str, rounds: u32) -> Result<Output> {
        output_of(run(&self.sound).arg(rounds.to_string()).env("ALLOC_TRACER", mode))
    }

    /// Runs the program with this fault.
    pub(super) fn faulty(&self, run: impl Fn(&Path) -> Command, mode: &str, fault: &str) -> Result<Output> {
        output_of(run(&self.faulty).arg(fault).env("ALLOC_TRACER", mode))
    }
}
