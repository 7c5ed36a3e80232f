//! The command line: lists for people and programs, explanations, and errors that name what exists.

use std::process::Output;

use crate::profiled_run::demo_workloads;

fn run(arguments: &[&str]) -> Output {
    demo_workloads().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_list_for_programs_has_one_row_per_demo_and_as_many_fields_as_columns() {
    let output = run(&["--list", "--format", "tsv"]);
    let rows: Vec<Vec<_>> = text(&output.stdout).lines().map(|row| row.split('\t').collect()).collect();
    assert_eq!(rows[0], ["name", "core", "variants", "default_size", "size_unit", "keeps"]);
    let names: Vec<_> = rows[1..].iter().map(|row| row[0]).collect();
    assert_eq!(names, ["map-delete", "vec-truncate", "sub-slice"]);
    for row in &rows {
        assert_eq!(row.len(), rows[0].len(), "{row:?}");
    }
    for row in &rows[1..] {
        assert!(row[2].starts_with("leaky,") && row[2].contains(",fixed,"), "{row:?}");
    }
}

#[test]
fn every_demo_explains_itself_in_one_paragraph() {
    for demo in ["map-delete", "vec-truncate", "sub-slice"] {
        assert!(text(&run(&["--list"]).stdout).contains(demo));
        let output = run(&[demo, "--explain"]);
        let paragraph = text(&output.stdout).trim_end();
        assert!(!paragraph.contains('\n'));
        for word in ["inuse_space", "alloc_space", "fix"] {
            assert!(paragraph.contains(word), "{demo} does not speak of {word}");
        }
    }
}

#[test]
fn an_unknown_demo_names_the_known_ones() {
    let output = run(&["map-remove"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("map-remove") && error.contains("map-delete, vec-truncate, sub-slice"), "{error}");
}

#[test]
fn an_unknown_variant_names_the_known_ones() {
    let output = run(&["sub-slice", "--variant", "shrink"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("`sub-slice`") && error.contains("leaky, split-to, fixed, copy"), "{error}");
}
