//! Programs and libraries that a test builds and then runs or loads, as it was built itself.

use std::path::PathBuf;
use std::process::Command;

/// Builds what `arguments` name, and says where the results are.
pub(crate) fn build(arguments: &[&str]) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile_directory = test.ancestors().nth(2).unwrap();
    let profile = match profile_directory.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", profile])
        .args(arguments)
        .arg("--target-dir")
        .arg(profile_directory.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.unwrap().success());
    profile_directory.to_owned()
}
