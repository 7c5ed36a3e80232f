//! A profile written because the environment asked for it, and what is said about it on standard
//! error. Broken by: `tests/environment.rs`, `tests/on_signal.rs`,
//! `tests/terminal.rs`.

use core::hint::black_box;

use super::config::{Config, expand};
use super::own_cost::OwnCost;
use super::printable::printable;
use super::profile::Profile;
use super::report::{self, Moment};
use super::snapshot::snapshot;
use super::std::format;
use super::std::fs::{self, File};
use super::std::os::unix::fs::MetadataExt;
use super::std::panic::catch_unwind;
use super::std::path::{Path, PathBuf};
use super::std::prelude::rust_2024::*;
use super::std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use crate::hot::start;
use crate::sys::{clock, process, standard_error};

/// Writes the profile to the configured file, if there is one, and says so. Whatever goes wrong is a
/// line on standard error; the caller goes on.
pub(crate) fn write(config: &Config, moment: Moment) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(out) = &config.out else { return };
    if !has_memory(moment) {
        say("alloc-tracer: no profile written: there is no memory left to make it in\n");
        return;
    }
    let path = expand(out, process::id(), COUNT.fetch_add(1, Relaxed) + 1);
    let words = format!("process {}", process::id());
    let text = catch_unwind(|| {
        let snapshot = snapshot();
        let mut profile =
            if config.without_symbols { snapshot.profile_without_symbols() } else { snapshot.profile() };
        let comment = profile.intern(&words);
        profile.comments.push(comment);
        let path = beside_other_copies(path, &words);
        match profile.write_pprof_file(&path) {
            Ok(()) => {
                OWN_FILE.store(fs::metadata(&path).map_or(0, |file| file.ino()), Relaxed);
                report::block(&snapshot, &profile, &path, moment)
            }
            Err(error) => {
                format!("alloc-tracer: no profile written: {}\n", printable(&format!("{error}")))
            }
        }
    });
    say(&text.unwrap_or_else(|_| String::from("alloc-tracer: no profile written: internal error\n")));
}

/// Whether there is memory for a profile, going by what the tracer holds: std would end the program where it
/// is refused some.
fn has_memory(moment: Moment) -> bool {
    let tracer = OwnCost::now(0);
    let records = tracer.call_tree_bytes + tracer.site_values_bytes + tracer.live_table_bytes;
    let needed = usize::try_from(records.saturating_mul(16)).unwrap_or(usize::MAX).saturating_add(8 << 20);
    // glibc keeps blocks up to 32 MiB in another way once it has freed one of such a size.
    let asked = match moment {
        Moment::AtExit => needed,
        Moment::OnSignal => needed.max(33 << 20),
    };
    black_box(Vec::<u8>::new()).try_reserve_exact(black_box(asked)).is_ok()
}

/// The number of the file that was written last.
static OWN_FILE: AtomicU64 = AtomicU64::new(0);

/// The path, or one beside it where another copy of the tracer in this process, that of a program or of one
/// of its plugins, has written its profile: `NAME.2` and so on.
fn beside_other_copies(path: PathBuf, words: &str) -> PathBuf {
    let started_nanos = clock::unix_nanos() - (clock::monotonic_nanos() - start::started_nanos());
    let is_anothers = |path: &Path| {
        // An older file is that of an earlier run, and may be large.
        let file = fs::symlink_metadata(path).ok().filter(|file| file.is_file())?;
        let modified_nanos = file.mtime() * 1_000_000_000 + file.mtime_nsec();
        if file.ino() == OWN_FILE.load(Relaxed) || modified_nanos < started_nanos {
            return None;
        }
        let profile = Profile::read_pprof(File::open(path).ok()?).ok()?;
        profile.comments.iter().any(|comment| profile.text(*comment) == words).then_some(())
    };
    let beside = (2_u32..).map(|number| {
        let mut name = path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    let free = core::iter::once(path.clone()).chain(beside).find(|path| is_anothers(path).is_none());
    free.unwrap_or(path)
}

/// Writes to standard error, past std's lock, which a thread of the program may hold for ever; where
/// nothing can be written, nothing can be said.
pub(crate) fn say(text: &str) {
    standard_error::write(text);
}
