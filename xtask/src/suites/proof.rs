//! The proof that the tracer was live in a process: what the process wrote at its begin and at its end.
//! `xtask/suites/src/lib.rs` writes it.

use anyhow::{Context, Result};

/// The processes of one test program in one setting: itself, and what it started.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Proof {
    /// Processes that began with the tracer.
    pub(super) processes: u64,
    /// Allocations and reallocations of those that came to their end.
    pub(super) allocations: u64,
    /// Call stacks that they were attributed to.
    pub(super) sites: u64,
    /// What must not be.
    pub(super) faults: Vec<String>,
}

impl Proof {
    /// Reads what the processes wrote and judges it: the first process must have begun and ended, all must have been
    /// in the right mode, and none may have lost a block or been inside the recorder twice.
    pub(super) fn read(written: &str, first_pid: u32, mode: &str) -> Result<Proof> {
        let mut proof = Proof::default();
        let (mut first_began, mut first_ended) = (false, false);
        for line in written.lines() {
            let (moment, figures) = line.split_once(' ').context("a line of the proof is cut short")?;
            let figures = Figures(figures);
            let pid = figures.count("pid")?;
            let is_first = pid == u64::from(first_pid);
            if figures.text("mode")? != mode {
                proof.faults.push(format!("process {pid} ran with {}, not {mode}", figures.text("mode")?));
            }
            if moment == "begin" {
                proof.processes += 1;
                first_began |= is_first;
                continue;
            }
            first_ended |= is_first;
            let allocations = figures.count("allocations")? + figures.count("reallocations")?;
            proof.allocations += allocations;
            proof.sites += figures.count("sites")?;
            for name in ["lost_blocks", "reentries", "stack_mismatches"] {
                let count = figures.count(name)?;
                if count > 0 {
                    proof.faults.push(format!("process {pid}: {name} {count}"));
                }
            }
            // While other threads run, the figures are of different moments. What is not attributed to a call
            // stack must be what the tracer, or the writer of these lines, allocated itself.
            let (attributed, untracked) = (figures.count("attributed")?, figures.count("untracked")?);
            let accounted = attributed..=attributed + untracked;
            if mode == "exact" && figures.count("threads")? == 1 && !accounted.contains(&allocations) {
                proof
                    .faults
                    .push(format!("process {pid}: {allocations} allocations, {attributed} attributed"));
            }
        }
        if !(first_began && first_ended) {
            proof.faults.push(String::from("the test program did not report that the tracer was live"));
        }
        Ok(proof)
    }
}

/// `name=value` pairs.
struct Figures<'a>(&'a str);

impl<'a> Figures<'a> {
    fn text(&self, name: &str) -> Result<&'a str> {
        let mut pairs = self.0.split(' ').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(key, _)| *key == name);
        Ok(found.with_context(|| format!("the proof has no {name}: {}", self.0))?.1)
    }

    fn count(&self, name: &str) -> Result<u64> {
        self.text(name)?.parse().with_context(|| format!("{name} is no number: {}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "threads=1 sites=5 attributed=88 untracked=4 allocations=70 reallocations=20 lost_blocks=0 reentries=0 stack_mismatches=0";

    fn of(end: &str) -> Proof {
        let written = format!("begin pid=7 mode=exact\nbegin pid=8 mode=exact\nend pid=7 mode=exact {end}\n");
        Proof::read(&written, 7, "exact").unwrap()
    }

    #[test]
    fn a_process_that_was_traced_is_counted() {
        assert_eq!(of(END), Proof { processes: 2, allocations: 90, sites: 5, faults: Vec::new() });
    }

    #[test]
    fn a_fault_of_the_recorder_is_named() {
        for (from, to, says) in [
            ("lost_blocks=0", "lost_blocks=3", "lost_blocks 3"),
            ("reentries=0", "reentries=1", "reentries 1"),
            ("stack_mismatches=0", "stack_mismatches=2", "stack_mismatches 2"),
            ("attributed=88", "attributed=85", "90 allocations, 85 attributed"),
            ("attributed=88", "attributed=91", "90 allocations, 91 attributed"),
        ] {
            let proof = of(&END.replace(from, to));
            assert!(proof.faults.len() == 1 && proof.faults[0].contains(says), "{:?}", proof.faults);
        }
        assert_eq!(of(&END.replace("threads=1", "threads=2").replace("=88", "=1")).faults, [""; 0]);
    }

    #[test]
    fn a_program_without_the_tracer_or_in_another_mode_is_noticed() {
        assert!(Proof::read("", 7, "exact").unwrap().faults[0].contains("did not report"));
        let cut = "begin pid=7 mode=exact\n";
        assert!(Proof::read(cut, 7, "exact").unwrap().faults[0].contains("did not report"));
        assert!(Proof::read(cut, 7, "off").unwrap().faults[0].contains("ran with exact, not off"));
    }
}
