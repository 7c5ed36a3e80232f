//! Threads that are stopped for ever wherever they are, as a collector or a debugger stops them, some of them with
//! a lock of the allocator: the process ends all the same, and leaves its profile.

use std::hint::black_box;
use std::os::unix::thread::JoinHandleExt;
use std::thread::{sleep, spawn};
use std::time::Duration;

use crate::child_process::{directory, output_within_a_minute, plays, role, said};

const THREADS: usize = 8;

extern "C" fn stop(_signal: libc::c_int) {
    loop {
        // SAFETY: async-signal-safe, without preconditions.
        unsafe { libc::pause() };
    }
}

#[test]
fn a_process_ends_though_stopped_threads_hold_the_allocators_locks() {
    let name = "stopped_threads::a_process_ends_though_stopped_threads_hold_the_allocators_locks";
    if plays(name) {
        // SAFETY: the handler only waits; the number is a signal's.
        unsafe { libc::signal(libc::SIGUSR1, stop as *const () as libc::sighandler_t) };
        // Beyond what glibc keeps for each thread, so that every operation takes a lock.
        let work = || loop {
            let blocks: Vec<Vec<u8>> = (0..50).map(|number| black_box(vec![0; 2000 + number * 64])).collect();
            drop(black_box(blocks));
        };
        let threads: Vec<_> = (0..THREADS).map(|_| spawn(work)).collect();
        sleep(Duration::from_millis(50));
        for thread in &threads {
            // SAFETY: the thread runs for ever, so its handle is good.
            assert_eq!(unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) }, 0);
        }
        sleep(Duration::from_millis(20));
        std::process::exit(6)
    }
    for mode in ["mode=off", "mode=exact"] {
        let path = directory("stopped-threads").join("heap.pb.gz");
        let settings = format!("{mode},symbols=no,out={}", path.display());
        let output = output_within_a_minute(role(name, &settings));
        assert_eq!(output.status.code(), Some(6), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
        let said = said(&output);
        assert!(path.exists() && said.contains("alloc-tracer: RSS "), "{mode}: {said}");
        std::fs::remove_file(path).unwrap();
    }
}
