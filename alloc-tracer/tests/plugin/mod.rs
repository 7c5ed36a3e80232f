//! The plugin of `examples/traced_plugin.rs`, built when a test asks for it.

use std::path::PathBuf;
use std::process::Command;

/// The plugin, built as this test was.
pub(crate) fn plugin() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile_directory = test.ancestors().nth(2).unwrap();
    let profile = match profile_directory.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "alloc-tracer",
            "--example",
            "traced_plugin",
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(profile_directory.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.unwrap().success());
    profile_directory.join("examples/libtraced_plugin.so")
}
