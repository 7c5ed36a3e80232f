//! Children of a program whose threads allocate: forked ones that allocate, free their parent's blocks and start
//! threads, and ones that run another program.

use std::hint::black_box;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::scenario::{Books, rounds, survives};

static STOP: AtomicBool = AtomicBool::new(false);

/// Runs `act` while three threads allocate; what they allocate is gone at the end.
fn beside_others(act: impl FnOnce()) {
    let churn = || {
        for round in 0_usize.. {
            black_box(vec![vec![0_u8; 1 + round % 3000]; 10]);
            if STOP.load(Relaxed) {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        let others = [(); 3].map(|()| scope.spawn(churn));
        act();
        STOP.store(true, Relaxed);
        others.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// What the parent has and its children free: tagged, listed, sampled, large.
fn blocks() -> Vec<Vec<u8>> {
    (0..300).map(|n| vec![n as u8; 1 + n * n % 50_000]).collect()
}

/// A child's life; it is a process of one thread.
fn child(number: usize, parents: Vec<Vec<u8>>) {
    let live = || {
        let stats = alloc_tracer::stats();
        (stats.live_blocks, stats.live_bytes)
    };
    let before = live();
    let bytes: usize = parents.iter().map(Vec::len).sum();
    let list = parents.capacity() * size_of::<Vec<u8>>();
    assert!(parents.iter().enumerate().all(|(n, block)| block.iter().all(|byte| *byte == n as u8)));
    drop(black_box(parents));
    let after = live();
    assert_eq!(before.0 - after.0, 301);
    // The sum of live bytes has the bound of a process whose threads run: where they are frozen is not known.
    let off = (before.1 - after.1).abs_diff((bytes + list) as u64);
    assert!(off <= alloc_tracer::stats().peak_error_bytes, "{off} bytes");
    if number.is_multiple_of(4) {
        let threads = [(); 2].map(|()| std::thread::spawn(|| black_box(vec![5_u8; 60_000])));
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == [5; 60_000]));
    }
    let kept: Vec<_> = (1..200).map(|size| vec![size as u8; size * 10]).collect();
    assert_eq!(black_box(kept).len(), 199);
}

#[test]
fn children_that_live_on() {
    survives("forks::children_that_live_on", || {
        let books = Books::open();
        beside_others(|| {
            for number in 0..rounds(40, 300) {
                let parents = blocks();
                // SAFETY: the child allocates and starts threads, which glibc supports after a fork.
                match unsafe { libc::fork() } {
                    0 => {
                        // A child that hangs for so long is killed, which its parent sees.
                        // SAFETY: `alarm` takes a number, and `_exit` ends the child where it stands.
                        unsafe {
                            libc::alarm(20);
                            let lived = std::panic::catch_unwind(|| child(number, parents));
                            libc::_exit(i32::from(lived.is_err()));
                        }
                    }
                    child => assert_eq!(status_of(child), 0),
                }
            }
        });
        books.close(0, 0);
    });
}

/// How a child ended: 0 where it ended well.
fn status_of(child: libc::pid_t) -> i32 {
    let mut status = -1;
    // SAFETY: `status` is valid for the write.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

#[test]
fn children_that_run_another_program() {
    survives("forks::children_that_run_another_program", || {
        assert!(Command::new("true").status().unwrap().success());
        let books = Books::open();
        beside_others(|| {
            for _ in 0..rounds(20, 200) {
                // The first by `posix_spawn`, which shares the parent's memory until the program is there; the
                // second by `fork`.
                let spawned = Command::new("true").arg("x").env("X", "y").status();
                let mut command = Command::new("true");
                let allocate = || {
                    drop(black_box(blocks()));
                    Ok(())
                };
                // SAFETY: between fork and exec the child only allocates, which glibc supports.
                let forked = unsafe { command.pre_exec(allocate) }.status();
                assert!(spawned.unwrap().success() && forked.unwrap().success());
            }
        });
        books.close(0, 0);
    });
}
