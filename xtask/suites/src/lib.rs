//! The tracer in a test program that does not know of it, and its word for it: two lines a process, in the
//! file that the environment variable `SUITES_PROOF` names. Linked by `rustc-with-tracer`, read by
//! `cargo xtask suites`, which fails if a process did not speak.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use alloc_tracer::{AllocTracer, Mode};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

/// After the tracer's own constructor, which has a number, and before main.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;

/// The process that was started; a forked child runs its parent's exit functions.
static STARTED: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> i32;
}

extern "C" fn at_load() {
    STARTED.store(std::process::id(), Relaxed);
    alloc_tracer::untracked(|| say("begin", ""));
    // SAFETY: the function is of the program itself and lives as long as the process.
    unsafe { atexit(at_exit) };
}

extern "C" fn at_exit() {
    if std::process::id() == STARTED.load(Relaxed) {
        alloc_tracer::untracked(|| say("end", &what_was_recorded()));
    }
}

fn what_was_recorded() -> String {
    // Other threads may still run; then the figures need not agree to the block.
    let threads = fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let snapshot = alloc_tracer::snapshot();
    let (mut sites, mut attributed) = (0_u64, 0.0);
    for site in snapshot.sites() {
        sites += 1;
        attributed += site.values.alloc_objects.value;
    }
    let untracked = snapshot.untracked.alloc_objects.value;
    let stats = snapshot.stats;
    let mut line =
        format!(" threads={threads} sites={sites} attributed={attributed:.0} untracked={untracked:.0}");
    for (name, count) in [
        ("allocations", stats.allocations),
        ("reallocations", stats.reallocations),
        ("lost_blocks", stats.lost_blocks),
        ("reentries", stats.reentries),
        ("stack_mismatches", stats.stack_mismatches),
    ] {
        // Writing to a string cannot fail.
        let _ = write!(line, " {name}={count}");
    }
    line
}

/// Appends a line in one write, so that lines of several processes do not mix. A process that cannot
/// write is missing in the file, which is what the reader looks for.
fn say(moment: &str, figures: &str) {
    let Some(path) = std::env::var_os("SUITES_PROOF") else { return };
    let mode = match alloc_tracer::mode() {
        Mode::Off => String::from("off"),
        Mode::Sampled { interval_bytes } => format!("sampled/{interval_bytes}"),
        Mode::Exact => String::from("exact"),
    };
    let line = format!("{moment} pid={} mode={mode}{figures}\n", std::process::id());
    if let Ok(mut file) = File::options().append(true).create(true).open(path) {
        let _ = file.write_all(line.as_bytes());
    }
}
