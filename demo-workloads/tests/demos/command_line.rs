//! The command line: lists for people and programs, explanations, and errors that name what exists.

use std::process::Output;

use crate::profiled_run::{demo_workloads, listed_demos};

fn run(arguments: &[&str]) -> Output {
    demo_workloads().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_list_for_programs_keeps_its_columns_and_has_a_field_for_each() {
    let output = run(&["--list", "--format", "tsv"]);
    let rows: Vec<Vec<_>> = text(&output.stdout).lines().map(|row| row.split('\t').collect()).collect();
    let known = ["name", "core", "variants", "default_size", "size_unit", "keeps", "row", "group", "leaks"];
    assert_eq!(rows[0][..known.len()], known);
    assert_eq!(rows[0][known.len()..], ["kept", "why", "inuse_space", "alloc_space", "fix", "figure"]);
    for row in &rows {
        assert_eq!(row.len(), rows[0].len(), "{row:?}");
    }
    for row in &rows[1..] {
        assert!(row[2].starts_with("leaky,") && row[2].contains(",fixed,"), "{row:?}");
    }
}

#[test]
fn every_demo_states_what_is_kept_and_why_what_the_pictures_show_and_what_fixes_it() {
    let list = run(&["--list"]);
    let demos = listed_demos();
    for demo in &demos {
        let explanation = run(&[&demo["name"], "--explain"]);
        for part in ["keeps", "kept", "why", "inuse_space", "alloc_space", "fix"] {
            let words = &demo[part];
            assert!(words.split(' ').count() >= 4, "{}: {part}: {words}", demo["name"]);
            assert!(text(&list.stdout).contains(words.as_str()), "{}: {part}", demo["name"]);
            assert!(text(&explanation.stdout).contains(words.as_str()), "{}: {part}", demo["name"]);
        }
        assert_eq!(text(&explanation.stdout).lines().count(), 1);
    }
    let rows: Vec<_> = demos.iter().map(|demo| order(&demo["row"])).collect();
    assert!(rows.is_sorted(), "{rows:?}");
}

#[test]
fn every_variant_is_named_in_the_statement_of_its_demo() {
    for demo in listed_demos() {
        let text: String =
            ["keeps", "kept", "why", "inuse_space", "alloc_space", "fix"].map(|part| &*demo[part]).concat();
        for variant in demo["variants"].split(',').filter(|variant| !["leaky", "fixed"].contains(variant)) {
            assert!(text.contains(&format!("`{variant}`")), "{} says nothing of {variant}", demo["name"]);
        }
    }
}

/// Groups in the order in which they are explained, rows by their number.
fn order(row: &str) -> (Option<usize>, u32) {
    ("DTSA".find(&row[..1]), row[1..].parse().unwrap())
}

#[test]
fn every_demo_shows_the_lines_that_leak_and_those_that_fix() {
    for demo in listed_demos() {
        let output = run(&[&demo["name"], "--code"]);
        let code = text(&output.stdout);
        let ends_in = |mark: &str| code.lines().any(|line| line.ends_with(mark));
        assert!(ends_in("// leak") && ends_in("// fix"), "{}: {code}", demo["name"]);
        assert!(code.lines().count() <= 80, "{}: too long to read in one go", demo["name"]);
    }
}

#[test]
fn an_unknown_demo_names_the_known_ones() {
    let output = run(&["map-remove"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(
        error.contains("map-remove") && error.contains("map-delete, ") && error.contains("sub-slice"),
        "{error}"
    );
}

#[test]
fn an_unknown_variant_names_the_known_ones() {
    let output = run(&["sub-slice", "--variant", "shrink"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("`sub-slice`") && error.contains("leaky, split-to, fixed, copy"), "{error}");
}
