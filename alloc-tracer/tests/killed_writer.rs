//! A program that is killed while it writes its profile leaves an earlier file as it was and nothing
//! else, whatever kills it. The moment is chosen by ptrace: a system call that is not yet done.
#![cfg(all(target_arch = "x86_64", target_os = "linux", feature = "profile"))]

mod child_process;
mod watched_process;

use std::fs;
use std::process::Stdio;

use alloc_tracer::AllocTracer;
use child_process::{directory, plays, role, skipped};
use watched_process::watch_and_send;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

#[test]
fn program() {
    if plays("program") {
        std::mem::forget(vec![1_u8; 1 << 20]);
        std::process::exit(3);
    }
}

#[test]
fn a_killed_program_leaves_nothing_half_written() {
    let directory = directory("killed");
    let path = directory.join("heap.pb.gz");
    let variable = format!("symbols=no,out={}", path.display());
    for earlier in [None, Some("old")] {
        // What comes right after the file without a name was opened, and right before it gets one.
        for moment in ["write", "link"] {
            let _ = fs::remove_file(&path);
            if let Some(text) = earlier {
                fs::write(&path, text).unwrap();
            }
            let mut is_open = false;
            let mut command = role("program", &variable);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let watched = watch_and_send(libc::SIGKILL, &mut command, |call| {
                is_open |= call.flags & libc::O_TMPFILE == libc::O_TMPFILE;
                let fatal = if moment == "write" { libc::SYS_write } else { libc::SYS_linkat };
                is_open && call.number == fatal
            });
            let watched = match watched {
                Ok(watched) => watched,
                Err(error) => {
                    return skipped("killed_writer", format!("a process cannot be watched here: {error}"));
                }
            };
            if !is_open {
                return skipped("killed_writer", "this file system has no files without names");
            }
            assert_eq!(watched.exit_code, None, "killed at {moment}");
            let names: Vec<_> = fs::read_dir(&directory).unwrap().map(|e| e.unwrap().file_name()).collect();
            match earlier {
                None => assert_eq!(names, [""; 0], "{moment}"),
                Some(text) => {
                    assert_eq!(names, ["heap.pb.gz"], "{moment}");
                    assert_eq!(fs::read_to_string(&path).unwrap(), text);
                }
            }
        }
    }
}
