//! Programs that close, use up or pass on their descriptors, and that move or drop their rights before the
//! profile is written by its relative name.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use alloc_tracer::Profile;

use crate::child_process::{directory, output_within_a_minute, plays, role, said, skipped};

const HELD_BYTES: i64 = 3 << 20;

fn hold() {
    std::mem::forget(std::hint::black_box(vec![1_u8; HELD_BYTES as usize]));
}

fn assert_holds(profile: &Path) {
    let profile = Profile::read_pprof(File::open(profile).unwrap()).unwrap();
    let held = profile.total(profile.column("inuse_space").unwrap());
    assert!((HELD_BYTES..HELD_BYTES + (1 << 20)).contains(&held), "{held}");
}

/// Where a scenario works, for both of its processes.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn writing(name: &str, out: impl AsRef<Path>) -> Command {
    role(name, &format!("mode=exact,symbols=no,out={}", out.as_ref().display()))
}

fn close(descriptor: i32) {
    // SAFETY: std's handle of a standard descriptor closes nothing, so nobody else closes this one.
    assert_eq!(unsafe { libc::close(descriptor) }, 0);
}

#[test]
fn a_file_of_the_program_that_got_the_number_of_standard_error_holds_no_word_of_ours() {
    let name =
        "descriptors::a_file_of_the_program_that_got_the_number_of_standard_error_holds_no_word_of_ours";
    let place = place("descriptors-reused");
    if plays(name) {
        hold();
        close(2);
        let mut file = File::create(place.join("data")).unwrap();
        assert_eq!(file.as_raw_fd(), 2);
        file.write_all(b"the program's own").unwrap();
        std::mem::forget(file);
        std::process::exit(6);
    }
    let profile = directory("descriptors-reused").join("heap.pb.gz");
    let output = output_within_a_minute(writing(name, &profile));
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    assert_eq!(fs::read_to_string(place.join("data")).unwrap(), "the program's own");
    assert_holds(&profile);
}

#[test]
fn what_threads_print_to_a_closed_standard_error_is_not_in_the_profile() {
    let name = "descriptors::what_threads_print_to_a_closed_standard_error_is_not_in_the_profile";
    if plays(name) {
        hold();
        close(2);
        std::thread::spawn(|| {
            loop {
                // SAFETY: the bytes are valid; the descriptor is closed, which is an error, or somebody's.
                unsafe { libc::write(2, c"words ".as_ptr().cast(), 6) };
            }
        });
        std::process::exit(6);
    }
    for _ in 0..5 {
        let profile = directory("descriptors-closed").join("heap.pb.gz");
        let output = output_within_a_minute(writing(name, &profile));
        assert_eq!(output.status.code(), Some(6));
        assert_holds(&profile);
    }
}

#[test]
fn a_program_that_starts_without_standard_descriptors_leaves_its_profile() {
    let name = "descriptors::a_program_that_starts_without_standard_descriptors_leaves_its_profile";
    if plays(name) {
        hold();
        std::process::exit(6);
    }
    let profile = directory("descriptors-none").join("heap.pb.gz");
    let mut command = writing(name, &profile);
    // SAFETY: closing is async-signal-safe, and the child has no other use for the descriptors.
    unsafe {
        command.pre_exec(|| {
            (0..3).for_each(|descriptor| {
                libc::close(descriptor);
            });
            Ok(())
        });
    }
    assert_eq!(output_within_a_minute(command).status.code(), Some(6));
    assert_holds(&profile);
}

/// How a program is left without a descriptor for the profile's file.
const USED_UP: &str = "ALLOC_TRACER_TEST_USED_UP";

#[test]
fn a_full_table_of_descriptors_costs_the_profile_and_one_line() {
    let name = "descriptors::a_full_table_of_descriptors_costs_the_profile_and_one_line";
    if plays(name) {
        hold();
        if std::env::var(USED_UP).unwrap() == "by files" {
            while let Ok(file) = File::open("/dev/null") {
                std::mem::forget(file);
            }
        } else {
            let limit = libc::rlimit { rlim_cur: 3, rlim_max: 3 };
            // SAFETY: the limit is valid for the call.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        }
        std::process::exit(6);
    }
    for how in ["by files", "by a limit of three"] {
        let directory = directory("descriptors-full");
        // With names, for which files are opened as well.
        let mut command = role(name, &format!("mode=exact,out={}", directory.join("heap.pb.gz").display()));
        let output = output_within_a_minute({
            command.env(USED_UP, how);
            command
        });
        assert_eq!(output.status.code(), Some(6), "{how}");
        let said = said(&output);
        assert!(said.contains("no profile written: cannot create a file beside"), "{how}: {said}");
        assert_eq!((said.lines().count(), fs::read_dir(directory).unwrap().count()), (1, 0), "{said}");
    }
}

#[test]
fn a_relative_name_is_meant_where_the_program_started() {
    let name = "descriptors::a_relative_name_is_meant_where_the_program_started";
    if plays(name) {
        hold();
        std::env::set_current_dir("/").unwrap();
        // SAFETY: no other thread of this process reads the environment.
        unsafe {
            std::env::set_var("ALLOC_TRACER", "out=elsewhere.pb.gz");
            std::env::vars_os().for_each(|(name, _)| std::env::remove_var(name));
        }
        std::process::exit(6);
    }
    let directory = directory("descriptors-moved");
    let mut command = writing(name, "heap.pb.gz");
    command.current_dir(&directory);
    assert_eq!(output_within_a_minute(command).status.code(), Some(6));
    assert_holds(&directory.join("heap.pb.gz"));
}

/// A folder below one that everybody may pass, gone with the test.
struct OpenFolder(PathBuf);

impl OpenFolder {
    fn new() -> OpenFolder {
        let path = std::env::temp_dir().join(format!("alloc-tracer-rights-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        OpenFolder(path)
    }
}

impl Drop for OpenFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A user without rights.
const NOBODY: libc::uid_t = 65_534;

#[test]
fn a_program_that_drops_its_rights_writes_where_it_still_may_and_says_where_it_may_not() {
    let name =
        "descriptors::a_program_that_drops_its_rights_writes_where_it_still_may_and_says_where_it_may_not";
    if plays(name) {
        hold();
        // Of this thread alone, which also writes the profile. The C library's `setuid` interrupts every other
        // thread on its signal stack, and std's `exit` unmaps that of the main thread, which may still be on it.
        // SAFETY: sets numbers of this thread.
        let dropped = unsafe { [libc::SYS_setgid, libc::SYS_setuid].map(|call| libc::syscall(call, NOBODY)) };
        assert_eq!(dropped, [0, 0]);
        std::process::exit(6);
    }
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        return skipped("descriptors", "only root can drop its rights");
    }
    let directory = OpenFolder::new();
    let profile = directory.0.join("heap.pb.gz");
    for may_write in [false, true] {
        if may_write {
            std::os::unix::fs::chown(&directory.0, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let output = output_within_a_minute(writing(name, &profile));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(6), "{}: {said}", output.status);
        match may_write {
            true => assert_holds(&profile),
            false => assert!(said.contains("Permission denied") && said.lines().count() == 1, "{said}"),
        }
    }
}
