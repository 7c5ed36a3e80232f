//! Flat and cum are those that pprof counts: each stack once, recursion or not.

mod hand_made;

use alloc_flamegraph::top::{Top, TopRow};
use alloc_flamegraph::{Column, Filter, TopOptions, write_top};
use alloc_tracer::Profile;
use hand_made::{in_use, profile};
use regex::Regex;

fn top(profile: &Profile, options: &TopOptions) -> Top {
    Top::of(profile, &Column::find(profile, None).unwrap(), None, options)
}

fn values(top: &Top) -> Vec<(&str, i64, i64)> {
    top.rows.iter().map(|row: &TopRow| (row.name.as_str(), row.flat, row.cum)).collect()
}

fn text(profile: &Profile, options: &TopOptions) -> String {
    let mut out = Vec::new();
    write_top(profile, &Column::find(profile, None).unwrap(), None, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_recursive_function_counts_once_per_stack() {
    let profile = in_use(&[
        (&["main", "walk", "walk", "walk"], 100),
        (&["main", "walk", "leaf", "walk"], 10),
        (&["main", "leaf"], 5),
        (&["main"], 1),
    ]);
    let top = top(&profile, &TopOptions::default());
    assert_eq!(top.total, 116);
    assert_eq!(values(&top), [("walk", 110, 110), ("leaf", 5, 15), ("main", 1, 116)]);
    let by_cum = TopOptions { by_cum: true, ..TopOptions::default() };
    assert_eq!(values(&self::top(&profile, &by_cum))[0], ("main", 1, 116));
}

#[test]
fn focus_and_ignore_take_whole_stacks_and_keep_the_total() {
    let profile = in_use(&[(&["main", "a", "b"], 100), (&["main", "c"], 20), (&["main", "a", "d"], 3)]);
    let pattern = |text: &str| Some(Regex::new(text).unwrap());
    let focused = top(
        &profile,
        &TopOptions { filter: Filter { focus: pattern("^a$"), ignore: None }, ..TopOptions::default() },
    );
    assert_eq!(values(&focused), [("b", 100, 100), ("d", 3, 3), ("a", 0, 103), ("main", 0, 103)]);
    assert_eq!((focused.total, focused.in_focus), (123, 103));
    let ignored = top(
        &profile,
        &TopOptions { filter: Filter { focus: None, ignore: pattern("^a$") }, ..TopOptions::default() },
    );
    assert_eq!(values(&ignored), [("c", 20, 20), ("main", 0, 20)]);
    let by_file = top(
        &profile,
        &TopOptions {
            filter: Filter { focus: pattern(r"src/c\.rs"), ignore: None },
            ..TopOptions::default()
        },
    );
    assert_eq!(by_file.in_focus, 20);
    let both = TopOptions {
        filter: Filter { focus: pattern("^a$"), ignore: pattern("^d$") },
        ..TopOptions::default()
    };
    assert_eq!(top(&profile, &both).in_focus, 100);
}

#[test]
fn standard_errors_are_roots_of_sums_of_variances() {
    let columns = [("inuse_space", "bytes"), ("inuse_space_variance", "KiB^2")];
    let profile = profile(
        &columns,
        &[
            (&["main", "walk", "walk"], &[1000, 9]),
            (&["main", "walk"], &[500, 16]),
            (&["main", "other"], &[50, 144]),
        ],
    );
    let column = Column::find(&profile, Some("inuse_space")).unwrap();
    let top = Top::of(&profile, &column, None, &TopOptions::default());
    let walk = &top.rows[0];
    assert_eq!((walk.flat_variance.sqrt(), walk.cum_variance.sqrt()), (5.0 * 1024.0, 5.0 * 1024.0));
    assert_eq!((top.rows[2].cum_variance.sqrt(), top.total_variance.sqrt()), (13.0 * 1024.0, 13.0 * 1024.0));
    let text = text(&profile, &TopOptions::default());
    assert!(text.starts_with("Memory in use: 1.5 KiB (1,550 bytes) ± 13.0 KiB\n"), "{text}");
    assert!(text.contains("1.5 KiB ± 5.0 KiB"), "{text}");
}

#[test]
fn a_base_is_subtracted_and_its_uncertainty_added() {
    let columns = [("inuse_space", "bytes"), ("inuse_space_variance", "KiB^2")];
    let base = profile(&columns, &[(&["main", "a"], &[100, 9]), (&["main", "b"], &[50, 0])]);
    let new = profile(&columns, &[(&["main", "a"], &[300, 16]), (&["main", "c"], &[7, 0])]);
    let column = Column::find(&new, Some("inuse_space")).unwrap();
    let top = Top::of(&new, &column, Some((&base, &column)), &TopOptions::default());
    assert_eq!((top.total, top.whole), (157, 150));
    assert_eq!(values(&top), [("a", 200, 200), ("b", -50, -50), ("c", 7, 7), ("main", 0, 157)]);
    assert_eq!(top.rows[0].flat_variance, 25.0 * 1024.0 * 1024.0);
}

#[test]
fn frames_that_the_file_wants_dropped_are_dropped_as_in_pprof() {
    let mut profile =
        in_use(&[(&["main", "grow", "rt_alloc(int)", "rt_map"], 100), (&["rt_init", "rt_alloc"], 7)]);
    profile.drop_frames = profile.intern("rt_[a-z]*");
    profile.keep_frames = profile.intern("rt_map");
    // A stack whose root is to be dropped keeps all its frames.
    assert_eq!(
        values(&top(&profile, &TopOptions::default())),
        [("grow", 100, 100), ("rt_alloc", 7, 7), ("main", 0, 100), ("rt_init", 0, 7)]
    );
}

#[test]
fn the_table_has_percentages_and_sums() {
    let mut profile = in_use(&[(&["main", "a"], 3072), (&["main", "b\x1b[2J"], 1024)]);
    profile.set_comments(["alloc-tracer 0.1.0, exact", "peak 5 MiB"]);
    let text = text(&profile, &TopOptions { rows: 2, ..TopOptions::default() });
    let expected = "\
Memory in use: 4.0 KiB (4,096 bytes)
exact
alloc-tracer 0.1.0, exact
peak 5 MiB
showing 2 of 3 functions
   flat   flat%     sum%      cum    cum%  function
3.0 KiB  75.00%   75.00%  3.0 KiB  75.00%  a
1.0 KiB  25.00%  100.00%  1.0 KiB  25.00%  b\u{fffd}[2J
";
    assert_eq!(text, expected);
}
