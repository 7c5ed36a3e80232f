//! One scenario: what a process does, in which modes it is tried, and what its end is checked for.

use std::process::Output;

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
        act();
        let stats = alloc_tracer::stats();
        let troubles = (stats.reentries, stats.lost_blocks, stats.stack_mismatches);
        assert_eq!(troubles, (0, 0, 0), "{stats:?}");
        println!("{PLAYED}");
        return;
    }
    for mode in MODES {
        let output = output_within_a_minute(role(name, mode));
        let written = String::from_utf8_lossy(&output.stdout);
        let ended = output.status.success() && written.contains(PLAYED);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(ended, "{name} with {mode}: {}\n{written}\n{errors}", output.status);
        assert_eq!(said(&output), "", "{name} with {mode}");
        look(mode, &output);
    }
}

const PLAYED: &str = "the scenario was played to its end";
