//! The plugin of `examples/traced_plugin.rs`, built when a test asks for it.

#[path = "../built_beside/mod.rs"]
mod built_beside;

use std::path::PathBuf;

/// The plugin, built as this test was.
pub(crate) fn plugin() -> PathBuf {
    let built = built_beside::build(&["--package", "alloc-tracer", "--example", "traced_plugin"]);
    built.join("examples/libtraced_plugin.so")
}
