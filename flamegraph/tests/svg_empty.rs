//! A column without anything to draw is a picture that says so, not an error.

mod hand_made;

use alloc_flamegraph::{Column, SvgOptions, write_svg, write_svg_diff};
use alloc_tracer::Profile;
use hand_made::{in_use, run, see, stderr, stored};

fn message(profile: &Profile) -> String {
    let mut svg = Vec::new();
    write_svg(profile, &Column::find(profile, None).unwrap(), &SvgOptions::default(), &mut svg).unwrap();
    let seen = see(&svg);
    assert!(seen.frames.is_empty());
    assert!(!String::from_utf8(svg).unwrap().contains("ERROR"));
    assert!(seen.texts["title"].starts_with("Memory in use: "));
    seen.texts["message"].clone()
}

#[test]
fn the_picture_says_why_it_is_empty() {
    assert!(message(&in_use(&[])).contains("no call stack at all"));
    assert!(message(&in_use(&[(&["main"], 0)])).contains("is zero in every call stack"));
    assert!(message(&in_use(&[(&["main"], 5), (&["main"], -5)])).contains("cancel"));
    assert!(message(&in_use(&[(&["main"], -5)])).contains("only negative values"));
}

#[test]
fn an_empty_profile_is_a_success_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = stored(directory.path(), "empty.pb.gz", &in_use(&[]));
    for command in ["svg", "top", "folded"] {
        let output = run(&[command, file.to_str().unwrap()]);
        assert!(output.status.success(), "{command}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{command}");
    }
    assert!(run(&["diff", file.to_str().unwrap(), file.to_str().unwrap()]).status.success());
    let svg = run(&["svg", file.to_str().unwrap(), "--base", file.to_str().unwrap()]);
    assert!(see(&svg.stdout).texts["message"].contains("empty in both files"));
}

#[test]
fn when_all_is_gone_the_picture_says_how_much_it_was() {
    let (base, new) = (in_use(&[(&["main"], 2048)]), in_use(&[(&["main"], 0)]));
    let column = Column::find(&base, None).unwrap();
    let mut svg = Vec::new();
    write_svg_diff((&base, &column), (&new, &column), &SvgOptions::default(), &mut svg).unwrap();
    let seen = see(&svg);
    assert_eq!(seen.texts["title"], "Memory in use: 0 B (-2.0 KiB since the base)");
    assert_eq!(seen.texts["message"], "Nothing is left of the base's 2.0 KiB.");
}
