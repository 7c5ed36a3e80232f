//! Tables in Markdown.

use super::contenders::{Contender, Kind};
use super::interleaved::{Measurement, ratios};
use super::reading::Reading;
use super::statistics::Summary;
use super::workloads::Workload;

/// Rows below a head, as Markdown has them.
pub(super) fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = vec![String::from("---"); head.len()];
    let rows: String = rows.iter().map(|row| line(row)).collect();
    line(head) + &line(&rule).replace(' ', "") + &rows
}

/// Ratios of every contender of a kind to its baseline, one column a workload.
pub(super) fn of_ratios(
    measurements: &[Measurement],
    contenders: &[&'static Contender],
    kind: Kind,
    workloads: &[Workload],
    value: impl Fn(&Reading) -> f64 + Copy,
) -> String {
    let mut head = vec![String::new()];
    head.extend(workloads.iter().map(|workload| workload.name.to_owned()));
    let mut rows = Vec::new();
    for contender in contenders.iter().filter(|contender| contender.kind == kind) {
        let mut row = vec![contender.title.to_owned()];
        for workload in workloads {
            row.push(ratio(Summary::of(ratios(measurements, contender, workload.name, value))));
        }
        rows.push(row);
    }
    markdown(&head, &rows)
}

/// A median with half the distance of the quartiles, in as many digits as mean something.
pub(super) fn ratio(summary: Option<Summary>) -> String {
    let Some(summary) = summary else { return String::from("–") };
    let digits = if summary.median < 10.0 { 2 } else { 0 };
    let median = format!("{:.digits$}", summary.median);
    match summary.count {
        // Said of fewer, a spread would look like knowledge.
        ..3 => median,
        _ => format!("{median} ±{:.digits$}", summary.spread()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_has_as_many_digits_as_mean_something() {
        let of = |readings: &[f64]| ratio(Summary::of(readings.to_vec()));
        assert_eq!(of(&[1.0, 1.25, 1.5]), "1.25 ±0.12");
        assert_eq!(of(&[100.4, 104.0, 97.0, 101.0]), "101 ±1");
        assert_eq!(of(&[2.0, 3.0]), "2.50");
        assert_eq!(of(&[]), "–");
    }

    #[test]
    fn a_table_is_markdown() {
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let table = markdown(&text(&["", "pair"]), &[text(&["off", "1.0"])]);
        assert_eq!(table, "|  | pair |\n|---|---|\n| off | 1.0 |\n");
    }
}
