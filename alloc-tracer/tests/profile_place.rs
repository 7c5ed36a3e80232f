//! What may lie where a profile is to go, and what others may have prepared there: nothing of it is
//! harmed, the program ends as it would have, and what cannot be written leaves nothing behind.
#![cfg(feature = "profile")]

mod child_process;

use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use alloc_tracer::{AllocTracer, Profile};
use child_process::{directory, end_after_a_minute, output_within_a_minute, plays, role, said, skipped};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

#[test]
fn program() {
    if plays("program") {
        std::mem::forget(vec![1_u8; 1 << 20]);
        std::process::exit(3);
    }
}

fn program_with(path: &Path) -> Command {
    role("program", &format!("symbols=no,out={}", path.display()))
}

fn run(path: &Path) -> Output {
    let output = output_within_a_minute(program_with(path));
    assert_eq!(output.status.code(), Some(3), "{path:?}: {}", output.status);
    output
}

fn assert_refused(output: &Output, words: &str) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(3), "{}", output.status);
    assert!(text.lines().count() == 1 && text.contains("no profile written"), "{text}");
    assert!(text.contains(words), "no {words:?} in {text}");
}

fn assert_is_profile(path: &Path) {
    assert!(Profile::read_pprof(File::open(path).unwrap()).is_ok(), "{path:?}");
    let metadata = fs::symlink_metadata(path).unwrap();
    assert!(metadata.is_file() && metadata.permissions().mode() & 0o7777 == 0o600, "{metadata:?}");
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_no_regular_file_is_neither_waited_for_nor_written_to() {
    let directory = directory("no_file");
    let [pipe, socket, dangling, file] = ["pipe", "socket", "dangling", "file"].map(|n| directory.join(n));
    let path = CString::new(pipe.to_str().unwrap()).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let _listener = UnixListener::bind(&socket).unwrap();
    symlink(&file, &dangling).unwrap();
    for (path, words) in [
        (pipe.as_path(), "is no regular file"),
        (&socket, "is no regular file"),
        (&dangling, "is a symbolic link"),
        (Path::new("/dev/null"), "is no regular file"),
        (Path::new("/dev/full"), "is no regular file"),
        (Path::new("/dev/stdout"), "is a symbolic link"),
        (directory.join("..").as_path(), "is no regular file"),
    ] {
        assert_refused(&run(path), words);
    }
    assert_eq!(names_in(&directory), ["dangling", "pipe", "socket"]);
}

#[test]
fn another_name_of_the_file_keeps_what_it_held_and_a_read_only_file_is_replaced() {
    let directory = directory("other_name");
    let [path, other] = ["heap.pb.gz", "precious"].map(|name| directory.join(name));
    fs::write(&other, "precious").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o400)).unwrap();
    fs::hard_link(&other, &path).unwrap();
    run(&path);
    assert_is_profile(&path);
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    assert_eq!(names_in(&directory).len(), 2);
}

#[test]
fn a_directory_may_be_a_link_and_a_name_as_long_as_names_can_be() {
    let directory = directory("long");
    let link = directory.join("link");
    symlink(".", &link).unwrap();
    for _ in ["new", "replaced"] {
        run(&link.join("a".repeat(255)));
        assert_is_profile(&directory.join("a".repeat(255)));
    }
    assert_refused(&run(&directory.join("a".repeat(256))), "File name too long");
    assert_refused(&run(&directory.join("a/".repeat(3000))), "File name too long");
    assert_eq!(names_in(&directory).len(), 2);
}

/// Takes the temporary names that this process will come to, as somebody could who shares the directory.
#[test]
fn program_among_enemies() {
    if plays("program_among_enemies") {
        let directory = PathBuf::from(std::env::var_os("DIRECTORY").unwrap());
        for number in 0..5 {
            let name = directory.join(format!(".alloc-tracer.{}-{number}.tmp", std::process::id()));
            match number {
                0 => fs::write(name, "theirs").unwrap(),
                1 => fs::create_dir(name).unwrap(),
                _ => symlink(directory.join("precious"), name).unwrap(),
            }
        }
        std::process::exit(3);
    }
}

#[test]
fn temporary_names_that_others_have_taken_are_left_to_them() {
    let directory = directory("enemies");
    let (path, precious) = (directory.join("heap.pb.gz"), directory.join("precious"));
    fs::write(&path, "old").unwrap();
    fs::write(&precious, "precious").unwrap();
    let mut command = role("program_among_enemies", &format!("symbols=no,out={}", path.display()));
    command.env("DIRECTORY", &directory);
    let output = output_within_a_minute(command);
    assert!(said(&output).contains("profile written"), "{}", said(&output));
    assert_is_profile(&path);
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    let theirs = names_in(&directory).into_iter().filter(|name| name.ends_with("-0.tmp")).collect::<Vec<_>>();
    assert_eq!(fs::read(directory.join(&theirs[0])).unwrap(), b"theirs");
    assert_eq!(names_in(&directory).len(), 7);
}

/// The superuser writes everywhere, unless it has given up that ability.
#[test]
fn a_directory_that_may_not_be_written_to_is_said() {
    let directory = directory("forbidden");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o500)).unwrap();
    let mut command = program_with(&directory.join("heap.pb.gz"));
    const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
    let give_up = || {
        // SAFETY: the call changes this process only; whoever is not the superuser has nothing to lose.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) };
        Ok(())
    };
    // SAFETY: the closure makes one system call.
    unsafe { command.pre_exec(give_up) };
    let output = output_within_a_minute(command);
    assert_refused(&output, "choose a path that you may write to");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
}

/// The kernel sends a signal with the error for a file that grows beyond the limit; it would end the program.
#[test]
fn a_limit_on_file_sizes_costs_the_profile_and_neither_the_program_nor_the_earlier_file() {
    let directory = directory("limit");
    let path = directory.join("heap.pb.gz");
    fs::write(&path, "old").unwrap();
    let mut command = program_with(&path);
    let limit = || {
        let few = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
        // SAFETY: the limit is valid for the read.
        match unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const few) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one system call.
    unsafe { command.pre_exec(limit) };
    let output = output_within_a_minute(command);
    assert_refused(&output, "make room there");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names_in(&directory), ["heap.pb.gz"]);
}

/// The whole disk is the process's own, so it looks at what is left by itself.
#[test]
fn program_on_a_full_disk() {
    if plays("program_on_a_full_disk") {
        let disk = PathBuf::from(std::env::var_os("DISK").unwrap());
        let path = disk.join("heap.pb.gz");
        fs::write(&path, "old").unwrap();
        // Fills the disk but for one page.
        let mut filler = vec![1_u8; 1 << 20];
        while fs::write(disk.join("filler"), &filler).is_err() {
            filler.truncate(filler.len() - 4096);
        }
        filler.truncate(filler.len() - 4096);
        fs::write(disk.join("filler"), &filler).unwrap();
        let free_before = free_bytes(&disk);
        let mut profile = alloc_tracer::snapshot().profile_without_symbols();
        for number in 0..20_000_u64 {
            // Names that cannot be packed well, so that the profile has more than a page.
            profile.intern(&format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
        let error = profile.write_pprof_file(&path).unwrap_err().to_string();
        assert!(error.contains("No space left on device") && error.contains("make room"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(&disk), ["filler", "heap.pb.gz"]);
        assert_eq!(free_bytes(&disk), free_before, "what was written is gone");
        std::process::exit(3);
    }
}

fn free_bytes(disk: &Path) -> u64 {
    let path = CString::new(disk.to_str().unwrap()).unwrap();
    // SAFETY: zeroes are valid, the path is a C string and the result is valid for the write.
    unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        assert_eq!(libc::statvfs(path.as_ptr(), &raw mut found), 0);
        found.f_bavail * found.f_bsize
    }
}

#[test]
fn a_full_disk_keeps_the_earlier_file_and_nothing_of_the_new_one() {
    let disk = directory("disk");
    let target = CString::new(disk.to_str().unwrap()).unwrap();
    let mut command = role("program_on_a_full_disk", "");
    command.env("DISK", &disk);
    let mount = move || {
        let (none, options) = (c"none".as_ptr(), c"size=256k".as_ptr());
        // SAFETY: the arguments are C strings; the name space is this process's own, without effect on
        // others.
        let mounted = unsafe {
            (libc::unshare(libc::CLONE_NEWNS) == 0
                || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) == 0)
                && libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()) == 0
                && libc::mount(none, target.as_ptr(), c"tmpfs".as_ptr(), 0, options.cast()) == 0
        };
        if mounted { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: the closure makes system calls only.
    unsafe { command.pre_exec(mount) };
    end_after_a_minute(&mut command);
    match command.output() {
        Ok(output) => {
            assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(error) => skipped("profile_place", format!("no disk of an own can be mounted here: {error}")),
    }
    assert_eq!(fs::metadata(&disk).unwrap().nlink(), 2, "nothing was mounted for others");
}

/// Before `main` a pipe without a reader still ends a program that writes to it.
#[test]
fn nobody_who_reads_standard_error_is_no_reason_to_end() {
    for variable in ["moed=exact", "symbols=no,out=/dev/null"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = role("program", variable);
        end_after_a_minute(&mut command);
        let status = command.stderr(writer).stdout(std::process::Stdio::null()).status();
        assert_eq!(status.unwrap().code(), Some(3), "{variable}");
    }
}
