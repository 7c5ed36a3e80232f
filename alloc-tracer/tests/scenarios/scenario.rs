//! One scenario: what a process does, in which modes it is tried, and what its end is checked for.
//! Breaks with whatever makes a program with the tracer end otherwise than it would without.

#![allow(dead_code, reason = "each test file that has scenarios uses its own part of this module")]

use std::process::Output;

use alloc_tracer::{Mode, Stats};

use crate::child_process::{output_within_a_minute, plays, role, said};

/// Every way to record: counters only, samples dense enough to be met, tags, the table.
pub(crate) const MODES: [&str; 5] =
    ["mode=off", "mode=sampled", "mode=sampled,interval=1k", "mode=exact", "mode=exact,blocks=listed"];

/// Plays `act` in a process of its own in every mode; each must end with success within a minute, with
/// no re-entry, no lost block and no stack that two walks saw differently.
///
/// `name` is the path of the calling test function, as the harness knows it.
pub(crate) fn survives(name: &str, act: fn()) {
    survives_and(name, act, |_, _| ());
}

/// Like [`survives`], and looks at what the process wrote, with the mode it ran in.
pub(crate) fn survives_and(name: &str, act: fn(), look: impl Fn(&str, &Output)) {
    if plays(name) {
        settle();
        act();
        end_of_act();
        return;
    }
    for mode in MODES {
        let output = played(name, mode);
        assert_eq!(said(&output), "", "{name} with {mode}");
        look(mode, &output);
    }
}

/// Like [`survives`], for handlers that interrupt the recorder: re-entries are what is tried.
pub(crate) fn survives_interruptions(name: &str, act: fn()) {
    if plays(name) {
        settle();
        act();
        end_of_interrupted_act();
        return;
    }
    for mode in MODES {
        assert_eq!(said(&played(name, mode)), "", "{name} with {mode}");
    }
}

/// Where the first thread is not the calling one but the harness's own, waits until it sleeps for as long as
/// the test takes; and has the standard library do what it does once. From then on all that is allocated is the
/// scenario's.
pub(crate) fn settle() {
    // SAFETY: asks for a number.
    let here = unsafe { libc::gettid() }.cast_unsigned();
    let first = std::process::id();
    let state = || std::fs::read_to_string(format!("/proc/self/task/{first}/stat")).unwrap();
    while here != first && !state().contains(") S ") {
        std::thread::yield_now();
    }
    on_threads(1, |_| ());
}

/// Runs `act` on so many threads at once, and waits until they are gone: a scope alone only waits until they
/// have nothing more to do for it.
pub(crate) fn on_threads<T: Send>(count: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let act = &act;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || act(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Plays the scenario of this name with these settings; it must come to its end, and end with success.
pub(crate) fn played(name: &str, settings: &str) -> Output {
    let output = output_within_a_minute(role(name, settings));
    let written = String::from_utf8_lossy(&output.stdout);
    let ended = output.status.success() && written.contains(PLAYED);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(ended, "{name} with {settings}: {}\n{written}\n{errors}", output.status);
    output
}

/// The end of a scenario: for acts that leave the process by a way of their own.
pub(crate) fn end_of_act() {
    let stats = alloc_tracer::stats();
    assert_eq!(stats.reentries, 0, "{stats:?}");
    end_of_interrupted_act();
}

/// The end of a scenario in which handlers may have interrupted the recorder.
pub(crate) fn end_of_interrupted_act() {
    let stats = alloc_tracer::stats();
    assert_eq!((stats.lost_blocks, stats.stack_mismatches), (0, 0), "{stats:?}");
    println!("{PLAYED}");
}

const PLAYED: &str = "the scenario was played to its end";

/// How often a scenario does what it does: seldom in every run of the tests, often in one that is asked to
/// take its time by `ALLOC_TRACER_TEST_LONG=1`.
pub(crate) fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("ALLOC_TRACER_TEST_LONG").is_some() { long } else { short }
}

/// What the tracer says is live at a moment when no other thread runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Books {
    stats: Stats,
    in_use: [f64; 2],
}

impl Books {
    pub(crate) fn open() -> Books {
        let snapshot = alloc_tracer::snapshot();
        let in_use = snapshot.sites().map(|site| site.values).fold([0.0; 2], |[blocks, bytes], values| {
            [blocks + values.inuse_objects.value, bytes + values.inuse_space.value]
        });
        // Its own blocks are counted as well.
        drop(snapshot);
        Books { stats: alloc_tracer::stats(), in_use }
    }

    /// Since they were opened so many blocks and bytes became live and stayed so: by the counters, and in exact
    /// mode by all call stacks together.
    #[track_caller]
    pub(crate) fn close(&self, blocks: usize, bytes: usize) {
        let now = Books::open();
        let more = |new: u64, old: u64| i128::from(new) - i128::from(old);
        let counted = [
            more(now.stats.live_blocks, self.stats.live_blocks),
            more(now.stats.live_bytes, self.stats.live_bytes),
        ];
        assert_eq!(counted, [blocks as i128, bytes as i128], "blocks and bytes by the counters");
        if alloc_tracer::mode() == Mode::Exact {
            let on_stacks = [now.in_use[0] - self.in_use[0], now.in_use[1] - self.in_use[1]];
            assert_eq!(on_stacks, [blocks as f64, bytes as f64], "blocks and bytes on call stacks");
        }
    }
}
