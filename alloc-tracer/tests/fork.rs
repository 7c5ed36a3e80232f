//! A forked child of a multi-threaded program allocates without hanging and never writes its parent's
//! file.
#![cfg(feature = "profile")]

mod child_process;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use alloc_tracer::{AllocTracer, Profile};
use child_process::{directory, output_within_a_minute, plays, role, said};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

static STOP: AtomicBool = AtomicBool::new(false);

fn churn() {
    while !STOP.load(Relaxed) {
        std::hint::black_box(vec![vec![0_u8; 100]; 20]);
    }
}

/// Forks while other threads allocate; children allocate and exit through `exit`, with its handlers.
#[test]
fn forking_program() {
    if !plays("forking_program") {
        return;
    }
    let threads = [0; 3].map(|_| std::thread::spawn(churn));
    for _ in 0..100 {
        // SAFETY: the child only allocates, which glibc supports after fork, and exits.
        match unsafe { libc::fork() } {
            0 => {
                let kept: Vec<_> = (0..1000).map(|i| vec![1_u8; i]).collect();
                // SAFETY: ends the child, running the handlers that `atexit` registered.
                unsafe { libc::exit(i32::from(kept.len() != 1000)) };
            }
            child => assert_eq!(wait_for(child), 0),
        }
    }
    STOP.store(true, Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    std::mem::forget(vec![0_u8; 2 << 20]);
    std::process::exit(0);
}

/// The child's exit code; a child that hangs for ten seconds is killed and reported.
fn wait_for(child: libc::pid_t) -> i32 {
    let start = Instant::now();
    let mut status = 0;
    // SAFETY: `status` is valid for the write.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > Duration::from_secs(10) {
            // SAFETY: the child is this process's own.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("a forked child hung");
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    assert!(libc::WIFEXITED(status), "a forked child ended with status {status:#x}");
    libc::WEXITSTATUS(status)
}

#[test]
fn children_neither_hang_nor_write_and_the_parents_file_is_whole() {
    let directory = directory("fork");
    let path = directory.join("heap-%p.pb.gz");
    let child = output_within_a_minute(role("forking_program", &format!("out={}", path.display())));
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(said(&child).matches("profile written").count(), 1);
    let profile = Profile::read_pprof(fs::File::open(&files[0]).unwrap()).unwrap();
    assert!(profile.total(profile.column("inuse_space").unwrap()) >= 2 << 20);
}
