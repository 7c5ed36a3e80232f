//! The table of the outcomes, and its place in docs/suites.md.

use super::settings::{PLAIN, TRACED};
use super::suite_run::Outcome;
use crate::bench::markdown;

/// A row for each crate, and below the table what there is to say.
pub(super) fn text(outcomes: &[Outcome], machine: &str) -> String {
    let mut head = vec!["", "programs", "tests", "ignored", PLAIN.name];
    head.extend(TRACED.iter().map(|setting| setting.name));
    head.extend(["processes", "allocations", "call stacks", "differences"]);
    let rows: Vec<Vec<String>> = outcomes.iter().map(row).collect();
    let mut text = markdown(&head, &rows);
    for of in outcomes {
        let remarks =
            of.failures.iter().map(|failure| format!("**{failure}**")).chain(of.notes.iter().cloned());
        let remarks: Vec<String> = remarks.collect();
        if !remarks.is_empty() {
            text += &format!("\n- {}: {}", of.name, remarks.join(" "));
        }
    }
    format!("{}\n\n{machine}.", text.trim_end())
}

fn row(of: &Outcome) -> Vec<String> {
    let mut row = vec![format!("{} {}", of.name, of.version)];
    row.extend([of.programs, of.tests, of.ignored].iter().chain(&of.passed).map(ToString::to_string));
    row.extend([of.processes, of.allocations, of.sites].iter().map(ToString::to_string));
    row.push(of.failures.len().to_string());
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_counted_in_the_table_and_shown_below_it() {
        let failures = vec![String::from("`a` hung.")];
        let notes = vec![String::from("`b` is not run.")];
        let of =
            Outcome { name: "bytes", version: String::from("1.0.0"), failures, notes, ..Outcome::default() };
        let text = text(&[of], "rustc 1");
        assert!(text.contains("| bytes 1.0.0 | 0 |"), "{text}");
        assert!(text.contains("| 1 |\n\n- bytes: **`a` hung.** `b` is not run.\n\nrustc 1."), "{text}");
    }
}
