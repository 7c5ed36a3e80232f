//! What a test program said of each of its tests, read from the lines that Rust's own harness prints.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// Each test of a program, and `ok`, `FAILED` or `ignored`.
pub(super) type Verdicts = BTreeMap<String, &'static str>;

const VERDICTS: [&str; 3] = ["ok", "FAILED", "ignored"];

/// Reads what a program printed. The harness's own sum must agree with what was read.
pub(super) fn read(printed: &str) -> Result<Verdicts> {
    let verdicts: Verdicts = printed.lines().filter_map(verdict).collect();
    let sum = printed.lines().find_map(|line| line.strip_prefix("test result: "));
    let sum = sum.context("the harness did not come to its end")?;
    for (verdict, word) in VERDICTS.into_iter().zip(["passed", "failed", "ignored"]) {
        let read = verdicts.values().filter(|said| **said == verdict).count();
        let said = sum.split([';', '.']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok());
        ensure!(said == Some(read), "the harness says {sum:?}, and {read} lines say {verdict}");
    }
    Ok(verdicts)
}

/// `test a::b ... ok`; an ignored test may say why.
fn verdict(line: &str) -> Option<(String, &'static str)> {
    let (name, said) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let said = said.split(',').next().unwrap_or_default();
    let verdict = VERDICTS.into_iter().find(|verdict| said == *verdict)?;
    Some((name.to_owned(), verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\nrunning 3 tests\ntest a ... ignored, too slow\ntest b::c ... ok\ntest d - should panic ... FAILED\n\
                           test b::c has been running for over 60 seconds\n\
                           test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";

    #[test]
    fn every_test_has_its_verdict() {
        let expected = [("a", "ignored"), ("b::c", "ok"), ("d - should panic", "FAILED")];
        assert!(read(PRINTED).unwrap().iter().map(|(name, said)| (name.as_str(), *said)).eq(expected));
    }

    #[test]
    fn a_line_that_is_not_understood_is_noticed() {
        let noisy = PRINTED.replace("b::c ... ok", "b::c ... noise ok");
        assert!(read(&noisy).unwrap_err().to_string().contains("0 lines say ok"));
        assert!(read("test a ... ok\n").is_err());
    }
}
