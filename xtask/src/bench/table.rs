//! Tables in Markdown, and how a number is written in them.

use super::statistics::Summary;

/// Rows below a head.
pub(crate) fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: String = rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
    format!("| {} |\n|{}\n{rows}", head.join(" | "), "---|".repeat(head.len()))
}

/// A median with half the distance of the quartiles, in as many digits as mean something.
pub(super) fn cell(summary: Option<Summary>, digits: usize) -> String {
    let Some(summary) = summary else { return String::from("–") };
    let digits = if summary.median.abs() < 9.995 { digits } else { 0 };
    let median = format!("{:.digits$}", summary.median);
    match summary.count {
        // Said of fewer, a spread would look like knowledge.
        ..3 => median,
        _ => format!("{median} ±{:.digits$}", summary.spread()),
    }
}

/// Bytes in millions, or in thousands where that would be nothing.
pub(super) fn megabytes(bytes: f64) -> String {
    if bytes < 1e5 { format!("{:.1} kB", bytes / 1e3) } else { format!("{:.1} MB", bytes / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_as_many_digits_as_mean_something() {
        let of = |readings: &[f64]| cell(Summary::of(readings.to_vec()), 2);
        assert_eq!(of(&[1.0, 1.25, 1.5]), "1.25 ±0.12");
        assert_eq!(of(&[100.4, 104.0, 97.0, 101.0]), "101 ±1");
        assert_eq!(of(&[2.0, 3.0]), "2.50");
        assert_eq!(of(&[]), "–");
    }

    #[test]
    fn a_table_is_markdown() {
        let row = vec![String::from("off"), String::from("1.0")];
        assert_eq!(markdown(&["", "pair"], &[row]), "|  | pair |\n|---|---|\n| off | 1.0 |\n");
    }
}
