//! A checker on the checked programs: it finds nothing in the sound one, and what is wrong in the faulty
//! ones, in every mode of the tracer.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::outcome::{Outcome, written};
use super::programs::{MODES, Programs, TAGGED};

/// A fault of the program `faulty`, and a part of what the checker says of it.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) seen_as: &'static str,
    /// The mode in which the tracer hides it, as the documents say.
    pub(super) hidden_in: Option<&'static str>,
}

/// What stands behind a block with a tag is the tracer's, and belongs to the block as a checker knows it.
pub(super) const fn past_the_end(seen_as: &'static str) -> Fault {
    Fault { name: "one-past-the-end", seen_as, hidden_in: Some(TAGGED) }
}

/// A fault that is seen in every mode.
pub(super) const fn fault(name: &'static str, seen_as: &'static str) -> Fault {
    Fault { name, seen_as, hidden_in: None }
}

/// Runs everything; `run` makes the command for a program.
pub(super) fn check(
    programs: &Programs,
    run: fn(&Path) -> Command,
    rounds: u32,
    faults: &[Fault],
) -> Result<Outcome> {
    let mut allocations = 0;
    for mode in MODES {
        let output = programs.sound(run, mode, rounds)?;
        let said = written(&output);
        let count = said.lines().find_map(|line| line.strip_suffix(" allocations"));
        match (output.status.success(), count.and_then(|count| count.parse::<u64>().ok())) {
            (true, Some(count)) => allocations += count,
            _ => {
                return Ok(Outcome::Failed(format!(
                    "the sound program with {mode}: {}\n{said}",
                    output.status
                )));
            }
        }
        for Fault { name, seen_as, hidden_in } in faults {
            let output = programs.faulty(run, mode, name)?;
            let said = written(&output);
            let is_seen = !output.status.success() && said.contains(seen_as);
            if is_seen == (*hidden_in == Some(mode)) {
                let what = if is_seen { "is seen, and the documents deny it" } else { "is not seen" };
                return Ok(Outcome::Failed(format!("{name} {what} with {mode}: {}\n{said}", output.status)));
            }
        }
    }
    Ok(Outcome::Ok(format!(
        "{allocations} allocations in {} modes without a report, {} faults seen",
        MODES.len(),
        faults.len()
    )))
}
