//! The tests of a program that end differently with the tracer than without.

use super::run::Run;

/// A test, or the whole program, and how it ended in either way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) test: String,
    pub(super) plain: String,
    pub(super) traced: String,
}

const ABSENT: &str = "absent";
const WHOLE: &str = "the whole program";

/// What differs between two runs. A program that broke off says nothing of its tests; that it did is one difference.
pub(super) fn differences(plain: &Run, traced: &Run) -> Vec<Difference> {
    let ended = |run: &Run| run.broke_off.clone().unwrap_or_else(|| String::from("came to its end"));
    if plain.broke_off.is_some() || traced.broke_off.is_some() {
        return vec![Difference { test: WHOLE.to_owned(), plain: ended(plain), traced: ended(traced) }];
    }
    let names = plain.verdicts.keys().chain(traced.verdicts.keys());
    let mut found: Vec<Difference> = names
        .map(|name| {
            let of = |run: &Run| run.verdicts.get(name).copied().unwrap_or(ABSENT).to_owned();
            Difference { test: name.clone(), plain: of(plain), traced: of(traced) }
        })
        .filter(|difference| difference.plain != difference.traced)
        .collect();
    found.sort_unstable_by(|a, b| a.test.cmp(&b.test));
    found.dedup();
    found
}

/// In how many of further runs a test, or the whole program, came to a good end.
pub(super) fn good_ends(runs: &[Run], test: &str) -> usize {
    let is_good = |run: &&Run| match test {
        WHOLE => run.broke_off.is_none(),
        _ => run.verdicts.get(test) == Some(&"ok"),
    };
    runs.iter().filter(is_good).count()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run(verdicts: &[(&str, &'static str)], broke_off: Option<&str>) -> Run {
        let verdicts = verdicts.iter().map(|(name, said)| ((*name).to_owned(), *said)).collect();
        Run { verdicts, proof: None, broke_off: broke_off.map(str::to_owned), took: Duration::ZERO }
    }

    #[test]
    fn every_way_to_differ_is_found_once() {
        let plain = run(&[("a", "ok"), ("b", "ok"), ("c", "FAILED"), ("d", "ok")], None);
        let traced = run(&[("a", "ok"), ("b", "FAILED"), ("c", "ok"), ("e", "ok")], None);
        let found = differences(&plain, &traced);
        let short: Vec<_> =
            found.iter().map(|d| (d.test.as_str(), d.plain.as_str(), d.traced.as_str())).collect();
        let expected =
            [("b", "ok", "FAILED"), ("c", "FAILED", "ok"), ("d", "ok", ABSENT), ("e", ABSENT, "ok")];
        assert_eq!(short, expected);
        assert_eq!(differences(&plain, &plain), []);
    }

    #[test]
    fn a_program_that_breaks_off_is_one_difference() {
        let found = differences(&run(&[("a", "ok")], None), &run(&[], Some("signal: 11")));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].traced, "signal: 11");
        // Without the tracer as with it: nothing was compared, so this is no success either.
        assert_eq!(differences(&run(&[], Some("x")), &run(&[], Some("x"))).len(), 1);
    }

    #[test]
    fn further_runs_are_counted_by_the_test_or_by_their_end() {
        let runs = [run(&[("a", "ok")], None), run(&[("a", "FAILED")], None), run(&[], Some("hung"))];
        assert_eq!((good_ends(&runs, "a"), good_ends(&runs, "b"), good_ends(&runs, WHOLE)), (1, 0, 2));
    }
}
