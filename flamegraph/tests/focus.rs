//! `--focus` and `--ignore` mean the same in every command: the stacks that `top` counts are those that
//! are drawn, written and compared, and the reader is told which part of the whole they are.

mod hand_made;

use alloc_flamegraph::{
    Column, DiffOptions, Filter, FoldedOptions, SvgOptions, write_diff, write_folded, write_svg,
    write_svg_diff,
};
use alloc_tracer::Profile;
use hand_made::{Seen, in_use, profile, run, see, stderr, stdout, stored};
use regex::Regex;

fn earlier() -> Profile {
    in_use(&[(&["main", "a", "b"], 40), (&["main", "c"], 60)])
}

fn later() -> Profile {
    in_use(&[(&["main", "a", "b"], 300), (&["main", "c"], 96), (&["main", "a", "d"], 4)])
}

fn pattern(text: &str) -> Option<Regex> {
    Some(Regex::new(text).unwrap())
}

fn a_without_d() -> Filter {
    Filter { focus: pattern("^a$"), ignore: pattern("^d$") }
}

fn names(seen: &Seen) -> Vec<&str> {
    let mut names: Vec<&str> = seen.frames.iter().map(|frame| frame.name()).collect();
    names.sort_unstable();
    names
}

fn draw(profile: &Profile, filter: Filter) -> Seen {
    let mut svg = Vec::new();
    let options = SvgOptions { filter, ..SvgOptions::default() };
    write_svg(profile, &Column::find(profile, None).unwrap(), &options, &mut svg).unwrap();
    see(&svg)
}

#[test]
fn a_picture_shows_the_stacks_in_focus_and_says_which_part_of_all_they_are() {
    let seen = draw(&later(), a_without_d());
    assert_eq!(names(&seen), ["a", "all", "b", "main"]);
    assert_eq!((seen.frame("all").width, seen.frame("a").width), (300, 300));
    assert_eq!(seen.texts["title"], "Memory in use: 300 B");
    assert!(seen.texts["subtitle"].starts_with("in focus: 75.00% of 400 B"), "{:?}", seen.texts);
    let by_file = draw(&later(), Filter { focus: pattern(r"src/c\.rs"), ignore: None });
    assert_eq!(names(&by_file), ["all", "c", "main"]);
    assert!(!draw(&later(), Filter::default()).texts.contains_key("subtitle"));
}

#[test]
fn the_error_of_a_picture_in_focus_is_that_of_what_is_drawn() {
    let columns = [("inuse_space", "bytes"), ("inuse_space_variance", "KiB^2")];
    let sampled = profile(&columns, &[(&["main", "a"], &[1000, 9]), (&["main", "c"], &[50, 1_000_000])]);
    let seen = draw(&sampled, Filter { focus: pattern("^a$"), ignore: None });
    assert!(seen.texts["subtitle"].ends_with("standard error ± 3.0 KiB"), "{:?}", seen.texts);
}

#[test]
fn a_picture_without_a_stack_in_focus_says_so() {
    let seen = draw(&later(), Filter { focus: pattern("nobody"), ignore: None });
    assert_eq!(seen.texts["message"], "Nothing to draw: no call stack in focus has any of inuse_space.");
}

#[test]
fn a_picture_of_differences_compares_the_stacks_in_focus() {
    let (base, new) = (earlier(), later());
    let column = Column::find(&new, None).unwrap();
    let options = SvgOptions { filter: a_without_d(), ..SvgOptions::default() };
    let mut svg = Vec::new();
    write_svg_diff((&base, &column), (&new, &column), &options, &mut svg).unwrap();
    let seen = see(&svg);
    assert_eq!(names(&seen), ["a", "all", "b", "main"]);
    assert_eq!(seen.texts["title"], "Memory in use: 300 B (+260 B since the base)");
    assert!(seen.texts["subtitle"].contains("in focus: 75.00% of 400 B"), "{:?}", seen.texts);
}

#[test]
fn folded_stacks_are_those_in_focus() {
    let profile = later();
    let options = FoldedOptions { filter: a_without_d(), ..FoldedOptions::default() };
    let mut out = Vec::new();
    write_folded(&profile, &Column::find(&profile, None).unwrap(), &options, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "main;a;b 300\n");
}

#[test]
fn a_table_of_differences_keeps_the_totals_and_lists_what_is_in_focus() {
    let (base, new) = (earlier(), later());
    let column = Column::find(&new, None).unwrap();
    let options = DiffOptions { filter: a_without_d(), rows: 0 };
    let mut out = Vec::new();
    write_diff((&base, &column), (&new, &column), &options, &mut out).unwrap();
    let expected = "\
Memory in use: 100 bytes -> 400 bytes, +300 B
in focus: 40 bytes -> 300 bytes, +260 B
stacks that grew: +260 B, that shrank: 0 B
showing 3 of 3 functions that changed
flat change  cum change  cum before  cum after  function
     +260 B      +260 B        40 B      300 B  b
        0 B      +260 B        40 B      300 B  a
        0 B      +260 B        40 B      300 B  main
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn every_command_takes_the_same_two_options() {
    let directory = tempfile::tempdir().unwrap();
    let [base, new] = [("base", earlier()), ("new", later())]
        .map(|(name, profile)| stored(directory.path(), name, &profile).display().to_string());
    let filter = ["--focus", "^a$", "--ignore", "^d$"];
    let words = |command: &[&str]| {
        let arguments = [command, &filter].concat();
        let output = run(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    for command in [&["top", &new][..], &["svg", &new], &["svg", &new, "--base", &base]] {
        assert!(words(command).contains("in focus: "), "{command:?}");
    }
    assert!(words(&["diff", &base, &new]).contains("in focus: "));
    assert_eq!(words(&["folded", &new]), "main;a;b 300\n");
    let wrong = run(&["svg", &new, "--focus", "("]);
    assert_eq!(wrong.status.code(), Some(2));
}
