//! What a file is called, how long it is, how it opens.

use super::source::Source;
use super::{Place, Rule};
use crate::repository;

/// A median of 150 lines is the aim; beyond this a file has more than one noun.
const LINES_LIMIT: usize = 500;
const BYTES_LIMIT: u64 = 1 << 20;

pub(super) const RULES: [Rule; 6] = [
    Rule {
        name: "file-opens-with-its-noun",
        applies_to: |path| path.ends_with(".rs"),
        find: |source| {
            let opens = source.text.starts_with("//!");
            if opens { vec![] } else { vec![whole_file("does not open with `//!`".to_owned())] }
        },
        why: "a reader must learn in the first line what a file is about",
        instead: "say its noun, what it may name and which test breaks with it",
    },
    Rule {
        name: "named-tests-exist",
        applies_to: |path| path.contains("/src/") && path.ends_with(".rs"),
        find: tests_that_do_not_exist,
        why: "a promise that names its test is believed",
        instead: "name the test that holds it, or write it",
    },
    Rule {
        name: "promised-tests-exist",
        applies_to: |path| path == "RELIABILITY.md" || path == "SECURITY.md",
        find: promised_tests_that_do_not_exist,
        why: "a promise that names its test is believed",
        instead: "name the file, or `file.rs::test`, that holds it",
    },
    Rule {
        name: "file-has-a-noun",
        applies_to: |_| true,
        find: name_without_noun,
        why: "such a room collects what nobody knows where to put",
        instead: "name the file after what is in it",
    },
    Rule {
        name: "file-is-short",
        applies_to: |path| path.ends_with(".rs"),
        find: |source| {
            let lines = source.text.lines().count();
            let what = || format!("has {lines} lines (limit {LINES_LIMIT})");
            if lines > LINES_LIMIT { vec![whole_file(what())] } else { vec![] }
        },
        why: "a file is read in one go",
        instead: "split it along its nouns",
    },
    Rule {
        name: "file-is-small",
        applies_to: |_| true,
        find: |source| {
            let what = || format!("has {} bytes (limit {BYTES_LIMIT})", source.bytes);
            if source.bytes > BYTES_LIMIT { vec![whole_file(what())] } else { vec![] }
        },
        why: "everyone who clones the repository carries it for ever",
        instead: "make it when it is needed, or keep a smaller sample",
    },
];

fn whole_file(what: String) -> Place {
    Place { line: 1, what }
}

/// Looks at the opening comment only, where a file says which tests break with it.
fn tests_that_do_not_exist(source: &Source) -> Vec<Place> {
    let Some((package, _)) = source.path.split_once("/src/") else { return vec![] };
    let opening = source.text.lines().take_while(|line| line.starts_with("//!")).enumerate();
    let named = opening.flat_map(|(index, line)| {
        let parts = line.split('`').filter(|part| part.starts_with("tests/") && part.contains('.'));
        parts.map(move |part| (index + 1, part))
    });
    named
        .filter(|(_, test)| !repository::root().join(package).join(test).exists())
        .map(|(line, test)| Place { line, what: format!("names `{test}`, which does not exist") })
        .collect()
}

/// Looks at every file of Rust that a page names in backticks, as `a/tests/b.rs` or `a/tests/b.rs::test`.
fn promised_tests_that_do_not_exist(source: &Source) -> Vec<Place> {
    let lines = source.text.lines().enumerate();
    let named = lines.flat_map(|(index, line)| {
        let parts = line.split('`').skip(1).step_by(2).filter(|part| part.contains(".rs"));
        parts.map(move |part| (index + 1, part))
    });
    named
        .filter_map(|(line, named)| {
            let (file, test) =
                named.split_once("::").map_or((named, None), |(file, test)| (file, Some(test)));
            let text = std::fs::read_to_string(repository::root().join(file)).ok();
            let is_there = match (text, test) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(text), Some(test)) => text.contains(&format!("fn {test}(")),
            };
            (!is_there).then(|| Place { line, what: format!("names `{named}`, which does not exist") })
        })
        .collect()
}

fn name_without_noun(source: &Source) -> Vec<Place> {
    const NAMES: [&str; 9] =
        ["util", "utils", "common", "helper", "helpers", "misc", "shared", "types", "internal"];
    let mut parts = source.path.split('/').map(|part| part.split('.').next().unwrap_or_default());
    let found = parts.find(|part| NAMES.contains(part));
    found.map(|part| whole_file(format!("is called `{part}`"))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::{broken, check};
    use super::*;

    #[test]
    fn a_file_opens_with_its_noun() {
        assert_eq!(broken("a/src/b.rs", "use core::mem;\n"), ["file-opens-with-its-noun"]);
        assert_eq!(broken("a/src/b.rs", "//! B.\n"), [""; 0]);
        assert_eq!(broken("a/b.toml", "[a]\n"), [""; 0]);
    }

    #[test]
    fn a_test_that_is_named_must_exist() {
        let named = |test: &str| format!("//! B. Broken by: `{test}`.\n");
        assert_eq!(broken("alloc-tracer/src/b.rs", &named("tests/nowhere.rs")), ["named-tests-exist"]);
        assert_eq!(broken("alloc-tracer/src/b.rs", &named("tests/threads.rs")), [""; 0]);
    }

    #[test]
    fn a_promise_must_name_tests_that_exist() {
        let promise = |test: &str| format!("| nothing is lost | `{test}` | 0 |\n");
        let holds = |test: &str| broken("RELIABILITY.md", &promise(test)).is_empty();
        assert!(holds("alloc-tracer/tests/threads.rs"));
        assert!(holds("alloc-tracer/tests/threads.rs::a_hundred_thousand_threads_leave_memory_flat"));
        assert!(!holds("alloc-tracer/tests/threads.rs::a_hundred_thousand_threads"));
        assert!(!holds("alloc-tracer/tests/nowhere.rs"));
    }

    #[test]
    fn a_room_without_a_noun_is_found_as_file_and_as_folder() {
        assert_eq!(broken("a/src/utils.rs", "//! B.\n"), ["file-has-a-noun"]);
        assert_eq!(broken("a/tests/common/mod.rs", "//! B.\n"), ["file-has-a-noun"]);
        assert_eq!(broken("a/src/value_types.rs", "//! B.\n"), [""; 0]);
    }

    #[test]
    fn long_and_large_files_are_found() {
        assert_eq!(broken("a/src/b.rs", &("//! B.\n".repeat(LINES_LIMIT + 1))), ["file-is-short"]);
        assert_eq!(broken("a/src/b.rs", &("//! B.\n".repeat(LINES_LIMIT))), [""; 0]);
        let mut large = Source::new("a.bin", "");
        large.bytes = BYTES_LIMIT + 1;
        assert_eq!(check(&large).len(), 1);
    }
}
