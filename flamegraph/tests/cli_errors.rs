//! What a user sees when something is wrong: one line, the right exit code, nothing half-written.

mod hand_made;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use hand_made::{in_use, run, stderr, stdout, stored};

const GO_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../alloc-tracer/tests/data/go-heap.pb.gz");

fn fails_with(arguments: &[&str], code: i32, parts: &[&str]) {
    let output = run(arguments);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(parts.iter().all(|part| message.contains(part)), "{arguments:?}: {message}");
    assert!(code != 1 || message.lines().count() == 1, "{message}");
    assert_eq!(stdout(&output), "");
}

#[test]
fn an_unknown_column_lists_those_of_the_file() {
    for command in ["svg", "top", "folded"] {
        let known = "alloc_objects, alloc_space, inuse_objects, inuse_space";
        let start = format!("alloc-flamegraph: {GO_FILE}: no column `nix`");
        fails_with(&[command, GO_FILE, "--sample", "nix"], 1, &[&start, known]);
    }
}

#[test]
fn a_bad_file_is_named_with_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("text"), "no profile at all").unwrap();
    std::fs::write(path("empty"), "").unwrap();
    let bytes = std::fs::read(GO_FILE).unwrap();
    std::fs::write(path("cut"), &bytes[..bytes.len() / 2]).unwrap();
    for (name, what) in [
        ("text", "not a pprof profile"),
        ("empty", "not a pprof profile"),
        ("cut", "damaged or cut off"),
        ("none", "cannot read"),
    ] {
        let file = path(name);
        let start = format!("alloc-flamegraph: {file}: ");
        for command in ["svg", "top", "folded", "symbolize"] {
            fails_with(&[command, &file], 1, &[&start, what]);
        }
        fails_with(&["diff", GO_FILE, &file], 1, &[&start, what]);
        fails_with(&["svg", GO_FILE, "--base", &file], 1, &[&start, what]);
    }
    fails_with(&["top", directory.path().to_str().unwrap()], 1, &["cannot read"]);
}

#[test]
fn wrong_usage_is_another_exit_code() {
    fails_with(&["svg"], 2, &["Usage"]);
    fails_with(&["swg", GO_FILE], 2, &["svg"]);
    fails_with(&["top", GO_FILE, "--focus", "("], 2, &["--focus"]);
    fails_with(&["svg", GO_FILE, "--root", "left"], 2, &["top, bottom"]);
}

#[test]
fn every_help_has_examples() {
    for command in ["svg", "top", "diff", "folded", "symbolize"] {
        let output = run(&[command, "--help"]);
        assert!(output.status.success());
        assert!(stdout(&output).contains("Examples:"), "{command}");
    }
}

#[test]
fn an_output_file_appears_as_a_whole_and_keeps_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("heap.svg");
    std::fs::write(&out, "older").unwrap();
    assert!(run(&["svg", GO_FILE, "--out", out.to_str().unwrap()]).status.success());
    assert!(std::fs::read_to_string(&out).unwrap().ends_with("</svg>"));
    assert_eq!(names(directory.path()), ["heap.svg"]);
    std::fs::write(&out, "older").unwrap();
    assert!(!run(&["svg", GO_FILE, "--sample", "nix", "--out", out.to_str().unwrap()]).status.success());
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "older");
    let nowhere = directory.path().join("none").join("heap.svg");
    fails_with(&["svg", GO_FILE, "--out", nowhere.to_str().unwrap()], 1, &["heap.svg: cannot write"]);
    fails_with(&["svg", GO_FILE, "--out", directory.path().to_str().unwrap()], 1, &["cannot write"]);
}

#[cfg(unix)]
#[test]
fn a_device_is_written_to_and_a_link_stays_one() {
    use std::os::unix::fs::FileTypeExt;
    assert!(run(&["svg", GO_FILE, "--out", "/dev/null"]).status.success());
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join("target.svg"), directory.path().join("link.svg"));
    std::fs::write(&target, "older").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert!(run(&["svg", GO_FILE, "--out", link.to_str().unwrap()]).status.success());
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&target).unwrap().ends_with("</svg>"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_alloc-flamegraph"))
        .args(["svg", GO_FILE])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(message, "");
}

#[test]
fn a_profile_is_read_from_standard_input() {
    let output = Command::new(env!("CARGO_BIN_EXE_alloc-flamegraph"))
        .args(["top", "-"])
        .stdin(std::fs::File::open(GO_FILE).unwrap())
        .output()
        .unwrap();
    assert_eq!(stdout(&output), stdout(&run(&["top", GO_FILE])));
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let mut profile = in_use(&[(&["main", "evil\x1b]0;title\x07\x1b[2J\n"], 100)]);
    profile.set_comments(["\x1b[31mred"]);
    let file = stored(directory.path(), "evil.pb.gz", &profile);
    let file = file.to_str().unwrap();
    for arguments in [vec!["top", file], vec!["folded", file], vec!["diff", GO_FILE, file], vec!["svg", file]]
    {
        let output = run(&arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        let harmful = |c: char| c.is_control() && c != '\n' && c != '\t' && c != '\r';
        assert!(!stdout(&output).contains(harmful), "{arguments:?}");
    }
    fails_with(&["top", file, "--sample", "\x1b[2J"], 1, &["no column `\u{fffd}[2J`"]);
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
