//! Folded stacks of any names are lines that every reader of the format splits in the same way, and they add
//! up to what went in.

use std::collections::BTreeMap;

use alloc_flamegraph::frame_name::{foldable, printable};
use alloc_flamegraph::{Column, FoldedOptions, write_folded};

use super::any_profile::AnyProfile;

pub(crate) fn any_stacks_fold(bytes: &[u8]) {
    let any = AnyProfile::of(bytes);
    let mut expected: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    for sample in &any.samples {
        let mut frames: Vec<String> = sample.names.iter().map(|name| checked(&printable(name))).collect();
        if frames.is_empty() {
            frames.push("[no stack]".into());
        }
        let sum = expected.entry(frames).or_default();
        *sum = sum.saturating_add(sample.value);
    }
    expected.retain(|_, sum| *sum > 0);

    let profile = any.profile(|sample| sample.value);
    let column = Column::find(&profile, None).expect("there is one column");
    let mut folded = Vec::new();
    write_folded(
        &profile,
        &column,
        &FoldedOptions { full_stacks: true, ..FoldedOptions::default() },
        &mut folded,
    )
    .expect("memory takes it");
    let folded = String::from_utf8(folded).expect("text");
    let mut found = BTreeMap::new();
    for line in folded.split_terminator('\n') {
        assert!(!line.contains(char::is_control) && !line.starts_with("# "), "{line:?}");
        let (stack, count) = line.rsplit_once(' ').expect("a count behind a space");
        let frames: Vec<String> = stack.split(';').map(str::to_owned).collect();
        let count: i64 = count.parse().expect("a whole number");
        assert_eq!(found.insert(frames, count), None, "a stack has one line: {line:?}");
    }
    assert_eq!(found, expected);
}

/// The frame that a printable name becomes.
fn checked(name: &str) -> String {
    let frame = foldable(name);
    let last = frame.rsplit(' ').next().unwrap_or_default();
    // As flamegraph.pl has it: `(\d+(?:\.\d*)?)$`.
    let reads_as_count = frame.contains(' ')
        && last.starts_with(|c: char| c.is_ascii_digit())
        && last.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_safe = !frame.is_empty()
        && frame.trim() == frame
        && !frame.contains([';', '\n'])
        && !frame.contains(char::is_control)
        && !frame.starts_with("# ")
        && !reads_as_count;
    assert!(is_safe, "{name:?} became {frame:?}");
    assert_eq!(foldable(&frame), frame, "once is enough");
    frame
}
