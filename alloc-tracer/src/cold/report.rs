//! The short block on standard error when a profile was written: totals, peak, the three sites that hold most, where
//! RSS is, the file, the next command. Broken by: `tests/environment.rs`.

use super::heap_profile::mode_in_words;
use super::printable::printable;
use super::profile::{Profile, Sample};
use super::size::{Bytes, Count};
use super::snapshot::Snapshot;
use super::std::collections::HashMap;
use super::std::fmt::Write;
use super::std::path::Path;
use super::std::prelude::rust_2024::*;
use super::std::{env, format};
use crate::hot::mode::Mode;

/// When a profile is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    AtExit,
    OnSignal,
}

/// The block, for a profile that was written to `path`. `memory` says where resident memory is, where that is known.
pub(crate) fn block(
    snapshot: &Snapshot,
    memory: Option<&str>,
    profile: &Profile,
    path: &Path,
    moment: Moment,
) -> String {
    let mut text = totals(snapshot, moment);
    for holder in largest_holders(profile, snapshot.mode) {
        let _ = writeln!(text, "alloc-tracer:   {holder}");
    }
    if let Some(memory) = memory {
        let _ = writeln!(text, "alloc-tracer: {memory}");
    }
    let stats = &snapshot.stats;
    let mapped = Bytes::unsigned(stats.tracer_mapped_bytes);
    let _ = writeln!(text, "alloc-tracer: the tracer mapped {mapped}: {}", stats.tracer.in_words());
    let path = path.to_string_lossy();
    let path = printable(short_path(&path));
    let _ = writeln!(text, "alloc-tracer: profile written to {path}");
    // The first module is the program.
    let has_names = profile.modules().first().is_none_or(|program| program.symbolised.functions);
    let is_unnamed = !profile.locations().is_empty() && !has_names;
    let next = match is_unnamed {
        true => format!("alloc-flamegraph symbolize {path} --out named.pb.gz"),
        false => format!("alloc-flamegraph svg {path} --sample inuse_space --out heap.svg"),
    };
    let _ = writeln!(text, "alloc-tracer: next: {next}   (or: go tool pprof -http=: {path})");
    text
}

fn totals(snapshot: &Snapshot, moment: Moment) -> String {
    let when = match moment {
        Moment::AtExit => "at exit",
        Moment::OnSignal => "now",
    };
    let stats = &snapshot.stats;
    let mode = mode_in_words(snapshot.mode);
    let mut text = format!(
        "alloc-tracer: {mode}; {} allocated in {} allocations and {} reallocations\n\
         alloc-tracer: {} live in {} blocks {when}; peak {} (within {})\n",
        Bytes::unsigned(stats.total_bytes),
        Count(stats.allocations as i64),
        Count(stats.reallocations as i64),
        Bytes::unsigned(stats.live_bytes),
        Count(stats.live_blocks as i64),
        Bytes::unsigned(stats.peak_live_bytes),
        Bytes::unsigned(stats.peak_error_bytes),
    );
    if stats.lost_blocks + stats.tracer_refusals > 0 {
        let _ = writeln!(
            text,
            "alloc-tracer: incomplete: the tracer was refused memory {} times; {} blocks ({}) are not in the profile",
            stats.tracer_refusals,
            stats.lost_blocks,
            Bytes::unsigned(stats.lost_bytes),
        );
    }
    if stats.reentries + stats.stacks_too_deep + stats.stacks_lost > 0 {
        let _ = writeln!(
            text,
            "alloc-tracer: {} re-entries; stacks cut short: {} too deep, {} lost",
            stats.reentries, stats.stacks_too_deep, stats.stacks_lost
        );
    }
    if stats.stacks_checked > 0 {
        let (checked, differ) = (stats.stacks_checked, stats.stack_mismatches);
        let _ = writeln!(
            text,
            "alloc-tracer: stacks checked by a second walk: {checked}, of which {differ} differ"
        );
    }
    text
}

/// The three lines of the program that hold most, as text.
fn largest_holders(profile: &Profile, mode: Mode) -> Vec<String> {
    let Some(column) = profile.column("inuse_space") else { return Vec::new() };
    let variance = profile.variance_column(column);
    let mut held: HashMap<String, (i64, f64)> = HashMap::new();
    for sample in profile.samples().filter(|sample| sample.values[column] > 0) {
        let sums = held.entry(holder(profile, sample)).or_default();
        sums.0 = sums.0.saturating_add(sample.values[column]);
        sums.1 += variance.map_or(0.0, |(variance, unit)| sample.values[variance] as f64 * unit);
    }
    let mut held: Vec<_> = held.into_iter().collect();
    held.sort_by(|(a_name, a), (b_name, b)| b.0.cmp(&a.0).then_with(|| a_name.cmp(b_name)));
    held.truncate(3);
    let line = |(name, (bytes, variance)): (String, (i64, f64))| {
        let error = match mode {
            Mode::Sampled { .. } => format!(" ± {}", Bytes(variance.sqrt() as i64)),
            Mode::Exact | Mode::Off => String::new(),
        };
        format!("{:>10}{error}  {name}", Bytes(bytes))
    };
    held.into_iter().map(line).collect()
}

/// The innermost line of a stack that is the program's own rather than a library's: function, file
/// and line.
fn holder(profile: &Profile, sample: Sample<'_>) -> String {
    let mut innermost = None;
    for id in sample.stack {
        let location = profile.location(*id);
        // The first module is the program; what the C library calls its source is no help here.
        let in_program = location.module.is_some_and(|module| module.0 == 0);
        for line in &location.lines {
            let function = profile.function(line.function);
            let (name, file) = (profile.text(function.name), profile.text(function.file));
            let here = || match file {
                "" => String::from(name),
                _ => format!("{name}  {}:{}", short_path(file), line.line),
            };
            if in_program && !file.is_empty() && !is_library(file) {
                return printable(&here());
            }
            innermost.get_or_insert_with(here);
        }
        if location.lines.is_empty() {
            innermost.get_or_insert_with(|| format!("[{:#x}]", location.address));
        }
    }
    printable(&innermost.unwrap_or_else(|| String::from("[no stack]")))
}

/// The standard library's sources lie under `/rustc/HASH/library` or the toolchain's `lib/rustlib`,
/// its dependencies under `/rust/deps`; other people's crates in Cargo's registry.
fn is_library(file: &str) -> bool {
    ["/rustc/", "/rust/deps/", "/lib/rustlib/", "/registry/src/"].iter().any(|part| file.contains(part))
}

fn short_path(file: &str) -> &str {
    let here = env::current_dir().ok();
    let here = here.as_ref().and_then(|here| here.to_str());
    here.and_then(|here| file.strip_prefix(here)).map_or(file, |rest| rest.trim_start_matches('/'))
}
