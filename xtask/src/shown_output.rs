//! The output that a document shows below its commands, and whether it is what they print. `[...]` stands for
//! any text: within a line for some of it, as a line of its own for any number of lines.
//! Knows lines of text and nothing of documents. Broken by: its own tests.

use anyhow::{Result, ensure};

const ANYTHING: &str = "[...]";

/// Compares line by line. How many blanks stand between words does not count: a column is as wide as what else is in
/// its table.
///
/// # Errors
/// One that shows both and the first line that is not there.
pub(crate) fn compare(expected: &[&str], actual: &str) -> Result<()> {
    let lines: Vec<&str> = actual.lines().collect();
    let missing = first_missing(expected, &lines);
    ensure!(
        missing.is_none(),
        "the commands print something else\n{}\nexpected:\n{}\nactual:\n{}",
        match missing.and_then(|at| expected.get(at)) {
            Some(line) => format!("the first line that does not come: {line}"),
            None => "more lines come than are shown".to_owned(),
        },
        indented(expected),
        indented(&lines),
    );
    Ok(())
}

fn indented(lines: &[&str]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

/// The first expected line that cannot be matched, or the number of all if lines are left over; nothing
/// if all matches. Each run of lines between two gaps is taken where it comes first, which leaves most for the rest.
fn first_missing(expected: &[&str], actual: &[&str]) -> Option<usize> {
    let (mut at, mut next, mut furthest) = (0, 0, 0);
    // The line behind the last gap, and where the run that begins with it was tried last.
    let mut gap: Option<(usize, usize)> = None;
    loop {
        furthest = furthest.max(at);
        if expected.get(at).is_some_and(|line| line.trim() == ANYTHING) {
            at += 1;
            gap = Some((at, next));
        } else if at == expected.len() && next == actual.len() {
            return None;
        } else if at < expected.len() && next < actual.len() && line_matches(expected[at], actual[next]) {
            (at, next) = (at + 1, next + 1);
        } else if let Some((behind, tried)) = gap.filter(|(_, tried)| *tried < actual.len()) {
            gap = Some((behind, tried + 1));
            (at, next) = (behind, tried + 1);
        } else {
            return Some(furthest);
        }
    }
}

fn line_matches(expected: &str, actual: &str) -> bool {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let (expected, actual) = (words(expected), words(actual));
    let Some((before, after)) = expected.split_once(ANYTHING) else { return expected == actual };
    let Some(mut rest) = actual.strip_prefix(before) else { return false };
    let mut parts: Vec<&str> = after.split(ANYTHING).collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(expected: &str, actual: &str) -> bool {
        let lines: Vec<&str> = expected.lines().collect();
        compare(&lines, actual).is_ok()
    }

    #[test]
    fn without_a_gap_every_line_must_be_there_and_no_other() {
        assert!(matches("a\nb", "a\nb\n"));
        assert!(matches("", ""));
        assert!(matches("a", "a  "));
        for other in ["a\nc", "a", "a\nb\nc", "b\na", "", "a\n\nb"] {
            assert!(!matches("a\nb", other), "{other:?}");
        }
        assert!(matches("  a b", "a   b") && !matches("ab", "a b"));
    }

    #[test]
    fn a_gap_within_a_line_stands_for_any_text_of_that_line() {
        assert!(matches("took [...] s", "took 12.5 s"));
        assert!(matches("took [...]s", "took s"));
        assert!(matches("[...]x[...]y[...]", "1x2y3"));
        assert!(matches("a[...]b[...]b", "abbb"));
        for other in ["took 12.5 ms.", "it took 1 s", "took 1\n2 s"] {
            assert!(!matches("took [...] s", other), "{other:?}");
        }
        assert!(!matches("a[...]a", "a"));
        assert!(!matches("[...]x[...]y[...]", "1y2x3"));
    }

    #[test]
    fn a_gap_of_its_own_stands_for_any_lines() {
        for actual in ["a\nz", "a\nb\nz", "a\nb\nc\nz"] {
            assert!(matches("a\n[...]\nz", actual), "{actual:?}");
        }
        assert!(matches("[...]", ""));
        assert!(matches("[...]\nz\n[...]", "a\nz\nz\nb"));
        // The first run that begins alike is not the one.
        assert!(matches("[...]\na\nb\n[...]\nz", "a\nc\na\nb\nz"));
        for other in ["a\nz\nb", "b\nz", "a"] {
            assert!(!matches("a\n[...]\nz", other), "{other:?}");
        }
        assert!(!matches("[...]\nb\n[...]\na\n[...]", "a\nb"));
    }

    #[test]
    fn an_error_shows_both_and_the_first_line_that_is_not_there() {
        let shown = |actual| compare(&["a", "[...]", "12 MiB"], actual).unwrap_err().to_string();
        let text = shown("a\nb\n13 MiB");
        assert!(text.contains("does not come: 12 MiB\n"), "{text}");
        assert!(text.contains("expected:\n    a\n    [...]\n    12 MiB\n"), "{text}");
        assert!(text.ends_with("actual:\n    a\n    b\n    13 MiB"), "{text}");
        assert!(compare(&["a"], "a\nb").unwrap_err().to_string().contains("more lines come"));
    }
}
