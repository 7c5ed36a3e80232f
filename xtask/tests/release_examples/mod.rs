//! Examples of the tracer, built as users build programs: what gates on cost measure.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds examples of the tracer as users build programs: in release.
pub(crate) fn build<const N: usize>(examples: [&str; N]) -> [PathBuf; N] {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--quiet", "--package", "alloc-tracer", "--target-dir"]).arg(target);
    for example in examples {
        command.args(["--example", example]);
    }
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(status.success(), "cargo could not build the examples");
    examples.map(|example| target.join("release/examples").join(example))
}
