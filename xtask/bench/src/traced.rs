//! The profile of alloc-tracer, for the programs that have it as their allocator. Where the environment
//! variable `BENCH_SYMBOLS` is `no` it has addresses only.

use std::path::PathBuf;

use crate::Left;

/// Writes what was recorded so far.
pub fn write_profile(file: PathBuf) -> Option<Left> {
    let snapshot = alloc_tracer::snapshot();
    let stacks = Some(snapshot.sites().count());
    let profile = if std::env::var("BENCH_SYMBOLS").as_deref() == Ok("no") {
        snapshot.profile_without_symbols()
    } else {
        snapshot.profile()
    };
    profile.write_pprof_file(&file).ok()?;
    Some(Left { file, stacks })
}
