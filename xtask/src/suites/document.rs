//! The table of the outcomes, and its place in docs/suites.md. A run of some crates leaves the rows of the others
//! as they are.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};

use super::crates::SUITES;
use super::settings::{PLAIN, TRACED};
use super::suite_run::Outcome;
use crate::{bench, marked, repository};

const DOCUMENT: &str = "docs/suites.md";

/// What there is to say of each crate: its row of the table, and its line below.
type Lines = HashMap<String, (String, Option<String>)>;

/// Puts the outcomes into the document.
pub(super) fn put(outcomes: &[Outcome]) -> Result<()> {
    let path = repository::root().join(DOCUMENT);
    let old = fs::read_to_string(path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let mut lines = lines_of(&old);
    lines.extend(of_outcomes(outcomes));
    marked::put(DOCUMENT, "suites", &[("table", table(&lines))])
}

/// The outcomes as a table for the terminal.
pub(super) fn text(outcomes: &[Outcome]) -> String {
    table(&of_outcomes(outcomes))
}

/// A row for each crate, and below the table what there is to say.
fn table(lines: &Lines) -> String {
    let mut head = vec!["", "programs", "tests", "ignored", PLAIN.name];
    head.extend(TRACED.iter().map(|setting| setting.name));
    head.extend(["processes", "allocations", "call stacks", "differences"]);
    let known: Vec<_> = SUITES.iter().filter_map(|suite| lines.get(suite.name)).collect();
    let rows: String = known.iter().map(|(row, _)| format!("{row}\n")).collect();
    let remarks: String =
        known.iter().filter_map(|(_, remark)| Some(format!("{}\n", remark.as_ref()?))).collect();
    let blank = if remarks.is_empty() { "" } else { "\n" };
    let machine = bench::machine_description();
    format!("{}{rows}{blank}{remarks}\n{machine}.", bench::markdown(&head, &[]))
}

fn of_outcomes(outcomes: &[Outcome]) -> Lines {
    outcomes.iter().map(|of| (of.name.to_owned(), (row(of), remark(of)))).collect()
}

/// What a document says of each crate already.
fn lines_of(document: &str) -> Lines {
    let starting = |start: String| document.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
    let of = |name: &str| Some((starting(format!("| {name} "))?, starting(format!("- {name}: "))));
    SUITES.iter().filter_map(|suite| Some((suite.name.to_owned(), of(suite.name)?))).collect()
}

fn remark(of: &Outcome) -> Option<String> {
    let failures = of.failures.iter().map(|failure| format!("**{failure}**"));
    let remarks: Vec<String> = failures.chain(of.notes.iter().cloned()).collect();
    (!remarks.is_empty()).then(|| format!("- {}: {}", of.name, remarks.join(" ")))
}

fn row(of: &Outcome) -> String {
    let mut row = vec![format!("{} {}", of.name, of.version)];
    row.extend([of.programs, of.tests, of.ignored].iter().chain(&of.passed).map(ToString::to_string));
    row.extend([of.processes, of.allocations, of.sites].iter().map(ToString::to_string));
    row.push(of.failures.len().to_string());
    format!("| {} |", row.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &'static str, processes: u64, failures: &[&str]) -> Outcome {
        let failures = failures.iter().map(|text| (*text).to_owned()).collect();
        let notes = vec![String::from("`b` is not run.")];
        Outcome { name, version: String::from("1.0.0"), processes, failures, notes, ..Outcome::default() }
    }

    #[test]
    fn a_failure_is_counted_in_the_table_and_shown_below_it() {
        let text = text(&[outcome("bytes", 3, &["`a` hung."])]);
        assert!(text.contains("| bytes 1.0.0 | 0 |"), "{text}");
        assert!(text.contains("| 1 |\n\n- bytes: **`a` hung.** `b` is not run.\n\n"), "{text}");
    }

    #[test]
    fn a_run_of_one_crate_leaves_the_others_rows() {
        let mut lines = lines_of(&text(&[outcome("bytes", 3, &["x"]), outcome("redb", 4, &[])]));
        lines.extend(of_outcomes(&[outcome("bytes", 5, &[])]));
        assert_eq!(table(&lines), text(&[outcome("bytes", 5, &[]), outcome("redb", 4, &[])]));
    }
}
