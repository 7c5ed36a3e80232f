//! What may lie where an output is to go: nothing of it is harmed, and what cannot be written, or is
//! interrupted, leaves the earlier file and nothing else.
#![cfg(unix)]

mod hand_made;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "../../alloc-tracer/tests/watched_process/mod.rs"]
mod watched_process;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use hand_made::stderr;

const GO_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../alloc-tracer/tests/data/go-heap.pb.gz");

fn command(what: &str, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-flamegraph"));
    command.args([what, GO_FILE, "--out"]).arg(out);
    command
}

fn run(what: &str, out: &Path) -> Output {
    command(what, out).output().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_picture_follows_the_umask_an_earlier_one_keeps_its_readers_a_profile_is_its_owners() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (what, name, umask, expected) in [
        ("svg", "new.svg", 0, 0o666),
        ("svg", "private.svg", 0o077, 0o600),
        ("folded", "new.folded", 0o027, 0o640),
        ("symbolize", "new.pb.gz", 0, 0o600),
    ] {
        let mut command = command(what, &path(name));
        let set = move || {
            // SAFETY: umask has no preconditions.
            unsafe { libc::umask(umask) };
            Ok(())
        };
        // SAFETY: the closure makes one system call.
        assert!(unsafe { command.pre_exec(set) }.status().unwrap().success());
        assert_eq!(mode(&path(name)), expected, "{name}");
    }
    fs::set_permissions(path("new.svg"), fs::Permissions::from_mode(0o604)).unwrap();
    assert!(run("svg", &path("new.svg")).status.success());
    assert_eq!(mode(&path("new.svg")), 0o604);
}

#[test]
fn other_names_links_to_nothing_and_long_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("precious"), "precious").unwrap();
    fs::hard_link(path("precious"), path("heap.svg")).unwrap();
    assert!(run("svg", &path("heap.svg")).status.success());
    assert_eq!(fs::read(path("precious")).unwrap(), b"precious");
    assert_eq!(fs::metadata(path("heap.svg")).unwrap().nlink(), 1);

    symlink(path("nowhere.svg"), path("link.svg")).unwrap();
    let refused = run("svg", &path("link.svg"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("a link to nothing"), "{}", stderr(&refused));
    assert!(!path("nowhere.svg").exists() && path("link.svg").is_symlink());

    assert!(run("svg", &path(&"a".repeat(255))).status.success());
    let refused = run("svg", &path(&"a".repeat(256)));
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(names_in(directory.path()).len(), 4);
}

#[test]
fn a_full_device_is_said_and_a_device_stays_one() {
    let refused = run("svg", Path::new("/dev/full"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("/dev/full: cannot write: No space left"), "{}", stderr(&refused));
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    let to_stdout = run("svg", Path::new("/dev/stdout"));
    assert!(to_stdout.status.success() && to_stdout.stdout.ends_with(b"</svg>"));
}

#[test]
fn a_limit_on_file_sizes_keeps_the_earlier_file_and_ends_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heap.svg");
    fs::write(&path, "old").unwrap();
    let mut command = command("svg", &path);
    let limit = || {
        let few = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
        // SAFETY: the limit is valid for the read.
        match unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const few) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one system call.
    let output = unsafe { command.pre_exec(limit) }.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", output.status);
    assert!(stderr(&output).contains("cannot write") && stderr(&output).lines().count() == 1);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names_in(directory.path()), ["heap.svg"]);
}

/// The signal comes when the file has been begun, and waits until it is whole.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn an_interruption_leaves_a_whole_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heap.svg");
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        fs::write(&path, "old").unwrap();
        let mut is_begun = false;
        let mut command = command("svg", &path);
        let watched = watched_process::watch_and_send(signal, &mut command, |call| {
            is_begun |= call.path.as_deref().is_some_and(|path| path.ends_with(".part"));
            is_begun && call.number == libc::SYS_write
        });
        match watched {
            Ok(watched) => assert_eq!((is_begun, watched.exit_code), (true, Some(0)), "signal {signal}"),
            Err(error) => {
                // Past `eprintln!`, which the harness hides of tests that pass.
                let line = format!("output_place: skipped, a process cannot be watched here: {error}\n");
                return std::io::stderr().write_all(line.as_bytes()).unwrap();
            }
        }
        assert!(fs::read(&path).unwrap().ends_with(b"</svg>"));
        assert_eq!(names_in(directory.path()), ["heap.svg"]);
    }
}
