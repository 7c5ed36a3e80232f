//! A process whose system, or whose owner, gives no more address space after the start: the program goes
//! on, its totals stay exact, and what could not be recorded is a number wherever the profile is told of.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::process::CommandExt;
use std::process::Command;

use alloc_tracer::{Mode, Profile};

use crate::child_process::{directory, output_within_a_minute, plays, role, said};
use crate::filter::{self, Answer};
use crate::scenario::{MODES, settle};

const BLOCKS: u64 = 20_000;

/// Allocates from many call stacks, one for each `path` below 2^`depth`, so that the call tree, the sites and
/// the table must all grow. What is done after each call keeps its frame.
fn grow(depth: u64, path: u64, blocks: &mut Vec<Vec<u8>>) -> u64 {
    match (depth, path & 1) {
        (0, _) => {
            blocks.push(black_box(vec![1; 16 + blocks.len() % 64]));
            0
        }
        (_, 0) => grow_left(depth - 1, path >> 1, blocks) + black_box(1),
        _ => grow_right(depth - 1, path >> 1, blocks) + black_box(1),
    }
}

#[inline(never)]
fn grow_left(depth: u64, path: u64, blocks: &mut Vec<Vec<u8>>) -> u64 {
    black_box(grow)(depth, path, blocks) + black_box(0)
}

#[inline(never)]
fn grow_right(depth: u64, path: u64, blocks: &mut Vec<Vec<u8>>) -> u64 {
    black_box(0) + black_box(grow)(depth, path, blocks)
}

/// The program: half of its blocks before `refuse`, half after, none of which it may lose; `allow` comes last.
fn play(refuse: impl FnOnce(), allow: impl FnOnce()) -> ! {
    settle();
    let mut blocks = Vec::with_capacity(BLOCKS as usize);
    (0..BLOCKS / 2).for_each(|path| assert!(grow(15, path, &mut blocks) >= 15));
    refuse();
    let before = alloc_tracer::stats();
    (BLOCKS / 2..BLOCKS).for_each(|path| assert!(grow(15, path, &mut blocks) >= 15));
    let after = alloc_tracer::stats();
    blocks.truncate(BLOCKS as usize / 4);
    let freed = alloc_tracer::stats();
    allow();
    assert!(blocks.iter().flatten().all(|byte| *byte == 1));
    let counted = (after.allocations - before.allocations, after.live_blocks - before.live_blocks);
    assert_eq!(counted, (BLOCKS / 2, BLOCKS / 2));
    assert_eq!(after.live_blocks - freed.live_blocks, BLOCKS * 3 / 4);
    // A block of these is on a stack of the profile, or on the mark for one, or is among those that were lost.
    let snapshot = alloc_tracer::snapshot();
    if alloc_tracer::mode() == Mode::Exact {
        let held: f64 = snapshot.sites().map(|site| site.values.inuse_objects.value).sum();
        let (held, live, lost) = (held as u64, freed.live_blocks, freed.lost_blocks);
        assert!(held <= live && BLOCKS / 4 <= held + lost, "{held} held, {live} live, {lost} lost");
    }
    println!("refusals: {}", snapshot.stats.tracer_refusals);
    std::mem::forget(blocks);
    std::process::exit(6)
}

/// In every mode, with more settings: the end is as it should be, and report and profile say how often memory
/// was refused.
fn is_survived(name: &str, settings: &str, prepare: impl Fn(&mut Command)) {
    let number = |text: &str, before: &str, after: &str| -> u64 {
        let found = text.split(before).nth(1).and_then(|rest| rest.split(after).next());
        found.unwrap_or("0").parse().unwrap()
    };
    for mode in MODES {
        let path = directory(&name.replace(':', "-")).join("heap.pb.gz");
        let mut command = role(name, &format!("{mode},symbols=no,out={}{settings}", path.display()));
        prepare(&mut command);
        let output = output_within_a_minute(command);
        let (words, said) = (String::from_utf8_lossy(&output.stdout), said(&output));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{name} {mode}: {}\n{words}{errors}", output.status);
        let refusals = number(&said, "refused memory ", " times");
        assert!(refusals >= number(&words, "refusals: ", "\n"), "{words}{said}");
        let profile = Profile::read_pprof(File::open(path).unwrap()).unwrap();
        let comments: String = profile.comments.iter().map(|line| profile.text(*line)).collect();
        assert_eq!(number(&comments, "re-entries, ", " refusals of memory"), refusals, "{comments}");
        // Counters alone need no memory that was not there; whether one of the rare samples falls into this
        // short life is chance.
        match mode {
            "mode=off" => assert_eq!(refusals, 0, "{name}: {said}"),
            "mode=sampled" => {}
            _ => assert!(refusals > 0, "{name} {mode}: {said}"),
        }
    }
}

#[test]
fn mappings_that_fail_or_are_forbidden_after_the_start_cost_stacks_and_nothing_else() {
    let name =
        "refused_memory::mappings_that_fail_or_are_forbidden_after_the_start_cost_stacks_and_nothing_else";
    const NUMBER: &str = "ALLOC_TRACER_TEST_ERROR_NUMBER";
    if plays(name) {
        let number = std::env::var(NUMBER).unwrap().parse().unwrap();
        play(|| filter::install(&[libc::SYS_mmap], Answer::Errno(number), Answer::Allow), || ());
    }
    for number in [libc::ENOMEM, libc::EPERM, libc::EACCES] {
        is_survived(name, "", |command| {
            command.env(NUMBER, number.to_string());
        });
    }
}

fn limit_address_space(bytes: Option<libc::rlim_t>) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is valid for both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_AS, &raw mut limit), 0);
        limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_AS, &raw const limit), 0);
    }
}

#[test]
fn a_limit_of_address_space_that_comes_later_costs_stacks_and_nothing_else() {
    let name = "refused_memory::a_limit_of_address_space_that_comes_later_costs_stacks_and_nothing_else";
    if plays(name) {
        // What the program needs later it takes from what it had before.
        let room: Vec<Vec<u8>> = (0..10_000).map(|_| black_box(vec![1; 1000])).collect();
        let _last = black_box(vec![1_u8; 1000]);
        drop(room);
        play(|| limit_address_space(Some(1)), || limit_address_space(None));
    }
    is_survived(name, "", |_| ());
}

#[test]
fn a_limit_of_address_space_at_the_end_costs_the_profile_and_one_line() {
    let name = "refused_memory::a_limit_of_address_space_at_the_end_costs_the_profile_and_one_line";
    if plays(name) {
        limit_address_space(Some(1));
        // What the allocator still has, down to its last blocks.
        for size in (4..=26).rev().map(|bits| 1 << bits) {
            let mut block = Vec::<u8>::new();
            while block.try_reserve_exact(black_box(size)).is_ok() {
                std::mem::forget(black_box(std::mem::take(&mut block)));
            }
        }
        std::process::exit(6);
    }
    for mode in MODES {
        let path = directory("no-memory-at-the-end").join("heap.pb.gz");
        let output = output_within_a_minute(role(name, &format!("{mode},out={}", path.display())));
        assert_eq!(output.status.code(), Some(6), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
        let said = said(&output);
        assert!(said.contains("no profile written: there is no memory left"), "{mode}: {said}");
        assert!(!path.exists());
    }
}

#[test]
fn the_owners_limit_costs_stacks_and_nothing_else() {
    let name = "refused_memory::the_owners_limit_costs_stacks_and_nothing_else";
    if plays(name) {
        play(|| (), || ());
    }
    is_survived(name, ",max_memory=1700k", |_| ());
}

#[test]
fn a_program_runs_in_the_address_space_that_it_needs_without_the_tracer() {
    let name = "refused_memory::a_program_runs_in_the_address_space_that_it_needs_without_the_tracer";
    if plays(name) {
        play(|| (), || ());
    }
    // Of these, glibc sets 128 MiB aside for the blocks of the first thread that is not the main one.
    let limit = libc::rlimit { rlim_cur: 176 << 20, rlim_max: 176 << 20 };
    for mode in MODES {
        let mut command = role(name, mode);
        // SAFETY: the closure makes one async-signal-safe call with a limit that is valid for it.
        unsafe {
            command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_AS, &raw const limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let output = output_within_a_minute(command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{mode}: {}\n{errors}", output.status);
    }
}
