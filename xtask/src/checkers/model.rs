//! loom on the lock-free tables: builds and runs `xtask/model`.

use std::path::Path;

use anyhow::Result;

use super::Effort;
use super::outcome::{Outcome, output_of, written};
use crate::cargo::{Built, cargo, target_folder};
use crate::repository;

pub(super) fn run(effort: Effort) -> Result<Outcome> {
    let interruptions = if effort == Effort::Quick { "1" } else { "2" };
    explore(&repository::root(), interruptions, "")
}

/// Explores the scenarios with this part in their names, of the sources below a folder.
pub(super) fn explore(root: &Path, interruptions: &str, part: &str) -> Result<Outcome> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(root.join("xtask/model/Cargo.toml"));
    build.arg("--target-dir").arg(target_folder().join("checkers/model"));
    let built = Built::by(&mut build)?;
    let Some(model) = built.executable("hot-model").filter(|_| built.succeeded) else {
        anyhow::bail!("the model does not build: {build:?}");
    };
    let mut command = std::process::Command::new(model);
    command.args([interruptions, part]).env("RUST_BACKTRACE", "0");
    let output = output_of(&mut command)?;
    let said = written(&output);
    let last = said.lines().last().unwrap_or_default().to_owned();
    if output.status.success() {
        let bound = if interruptions == "all" {
            "without a bound".to_owned()
        } else {
            format!("bound {interruptions}")
        };
        return Ok(Outcome::Ok(format!("{last}, {bound}")));
    }
    Ok(Outcome::Failed(format!("{last}; repeat it with {command:?}\n{said}")))
}
