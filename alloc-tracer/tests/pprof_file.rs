//! The profile's file: whole or absent, for its owner only, never through a link; when it cannot be
//! written the program ends as it would have, with one clear line.
#![cfg(feature = "profile")]

mod child_process;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use alloc_tracer::{AllocTracer, Profile};
use child_process::{directory, output_within_a_minute, plays, role, said};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

#[test]
fn program() {
    if plays("program") {
        // SAFETY: umask has no preconditions.
        unsafe { libc::umask(0) };
        std::mem::forget(vec![1_u8; 1 << 20]);
        std::process::exit(3);
    }
}

/// Runs the program with `out` at `path`; it must exit with its own code.
fn run(path: &Path) -> Output {
    let child = output_within_a_minute(role("program", &format!("out={}", path.display())));
    assert_eq!(child.status.code(), Some(3));
    child
}

fn assert_refused(path: &Path, words: &str) {
    let text = said(&run(path));
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("no profile written") && text.contains(words), "no {words:?} in {text}");
    assert!(text.contains(&*path.to_string_lossy()), "{text}");
}

fn names_in(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn the_file_is_readable_by_its_owner_only_even_without_a_umask() {
    let directory = directory("owner");
    let path = directory.join("heap.pb.gz");
    run(&path);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names_in(&directory), ["heap.pb.gz"]);
    let profile = Profile::read_pprof(fs::File::open(path).unwrap()).unwrap();
    assert!(profile.time_nanos > 1_700_000_000_000_000_000 && profile.duration_nanos > 0);
}

#[test]
fn an_earlier_file_is_replaced_as_a_whole() {
    let path = directory("replaced").join("heap.pb.gz");
    fs::write(&path, "old").unwrap();
    run(&path);
    assert!(Profile::read_pprof(fs::File::open(path).unwrap()).is_ok());
}

#[test]
fn a_symbolic_link_is_not_followed_and_its_target_is_untouched() {
    let directory = directory("link");
    let (target, link) = (directory.join("target"), directory.join("heap.pb.gz"));
    fs::write(&target, "precious").unwrap();
    symlink(&target, &link).unwrap();
    assert_refused(&link, "symbolic link");
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert_eq!(names_in(&directory).len(), 2);
}

#[test]
fn a_directory_in_the_way_is_left_alone() {
    let directory = directory("directory");
    let path = directory.join("heap.pb.gz");
    fs::create_dir(&path).unwrap();
    assert_refused(&path, "no regular file");
    assert_eq!(names_in(&directory), ["heap.pb.gz"]);
}

#[test]
fn a_missing_directory_is_said_and_not_made() {
    let path = directory("missing").join("nowhere").join("heap.pb.gz");
    assert_refused(&path, "No such file or directory");
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn a_file_system_that_takes_no_files_is_said() {
    assert_refused(Path::new("/proc/heap.pb.gz"), "cannot create");
}

/// A file-size limit stands in for a full disk: writing fails in the middle, with the same kind of
/// error and without a signal.
#[test]
fn a_disk_that_fills_up_leaves_nothing_half_written() {
    let directory = directory("full");
    let path = directory.join("heap.pb.gz");
    let mut command = role("program", &format!("out={}", path.display()));
    let limit = || {
        let none = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
        // SAFETY: both calls are async-signal-safe and take valid arguments.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const none);
        }
        Ok(())
    };
    // SAFETY: the closure only makes two async-signal-safe calls.
    unsafe { std::os::unix::process::CommandExt::pre_exec(&mut command, limit) };
    let child = output_within_a_minute(command);
    assert_eq!(child.status.code(), Some(3));
    let text = said(&child);
    assert!(text.lines().count() == 1 && text.contains("cannot write"), "{text}");
    assert_eq!(names_in(&directory), Vec::<String>::new());
}
