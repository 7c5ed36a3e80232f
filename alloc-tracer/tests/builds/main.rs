//! One program in the builds that people ship: each counts what really happened, in every mode, with every stack
//! walked to its first function and the names that its debug information allows.
//!
//! `cargo test -p alloc-tracer --test builds` makes the three builds that differ most; with `-- --ignored --nocapture`
//! all of them, which takes minutes, and prints a line for each.
#![cfg(all(feature = "profile", target_arch = "x86_64", target_os = "linux"))]

mod build;
#[path = "../child_process/mod.rs"]
mod child_process;
mod list;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use build::{Build, Built, Names};
use child_process::{directory, output_within_a_minute, said, skipped};
use list::{BUILDS, SHIPPED};

/// With the mode that the report must name.
const MODES: [(&str, &str); 5] = [
    ("mode=off", "off"),
    ("mode=sampled,interval=1k", "sampled every 1 KiB"),
    ("mode=exact", "exact"),
    ("mode=exact,blocks=listed", "exact"),
    ("mode=exact,check=stacks", "exact"),
];

#[test]
fn builds_as_programs_are_shipped_are_traced_right() {
    all_are_right(&SHIPPED);
}

#[test]
#[ignore = "takes minutes; cargo test -p alloc-tracer --test builds -- --ignored --nocapture"]
fn every_build_is_traced_right() {
    all_are_right(&BUILDS);
}

fn all_are_right(builds: &[Build]) {
    let mut wrong = Vec::new();
    for build in builds {
        let start = Instant::now();
        let verdict = match build.build() {
            Built::Program(path) => match is_right(build, &path) {
                Ok(()) => "ok".to_owned(),
                Err(why) => {
                    wrong.push(format!("{}: {why}", build.name));
                    format!("WRONG: {}", why.lines().next().unwrap_or_default())
                }
            },
            Built::Impossible(why) => {
                skipped(&format!("builds, {}", build.name), why);
                continue;
            }
            Built::Failed(why) => {
                wrong.push(format!("{}: {why}", build.name));
                "does not build".to_owned()
            }
        };
        println!("{:34} {:5.0} s  {verdict}", build.name, start.elapsed().as_secs_f64());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_right(build: &Build, program: &Path) -> Result<(), String> {
    let mut totals = None;
    for (mode, in_words) in MODES {
        let profile = directory("builds-profile").join("heap.pb.gz");
        let mut command = Command::new(program);
        command.env("ALLOC_TRACER", format!("{mode},out={}", profile.display()));
        command.envs(build.environment());
        let output = output_within_a_minute(command);
        let line = |what: &str| line(&output, what);
        let wrong = |why: &str| {
            let (words, errors) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            Err(format!("{why} with {mode}: {}\n{words}{errors}", output.status))
        };
        if !output.status.success() || !profile.exists() {
            return wrong("does not end well");
        }
        // The program has compared them with its own count.
        if *totals.get_or_insert_with(|| line("totals: ")) != line("totals: ") {
            return wrong("other totals");
        }
        if line("wrong: ") != "0 re-entries, 0 mismatches" {
            return wrong("wrong stacks");
        }
        let (held, lost, said) = (line("held: "), line("lost: "), said(&output));
        let is_recorded = mode != "mode=off";
        let blocks: f64 = held.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0);
        if (190.0..=210.0).contains(&blocks) != is_recorded {
            return wrong("not all of the blocks");
        }
        if (lost == "0 stacks, 0 blocks") != (build.has_whole_stacks || !is_recorded) {
            return wrong("stacks lost, or not where they must be");
        }
        if is_recorded && build.has_whole_stacks && !held.ends_with(" blocks in 2 stacks, 2 whole") {
            return wrong("stacks without their outer frames");
        }
        // The sites stand farther in than the sentences.
        let largest = said.lines().find(|line| line.starts_with("alloc-tracer:  ")).unwrap_or_default();
        let has_names = match build.names {
            _ if !is_recorded || !build.has_whole_stacks => true,
            Names::Lines => largest.contains("hold_blocks") && largest.contains("program/src/main.rs:"),
            Names::Functions => largest.contains("hold_blocks") && !largest.contains("main.rs"),
            Names::None => largest.contains("[0x") && said.contains("alloc-flamegraph symbolize"),
        };
        if !said.starts_with(&format!("alloc-tracer: {in_words};")) || !has_names {
            return wrong("not the names that it has");
        }
    }
    Ok(())
}

fn line(output: &Output, what: &str) -> String {
    let words = String::from_utf8_lossy(&output.stdout);
    words.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default().to_owned()
}
