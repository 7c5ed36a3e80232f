//! A service that cannot be stopped writes a profile when it is asked by a signal, and goes on.
#![cfg(feature = "profile")]

mod child_process;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use alloc_tracer::{AllocTracer, Profile};
use child_process::{directory, end_after_a_minute, output_within_a_minute, plays, role, said};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

#[test]
fn service() {
    if plays("service") {
        let held = vec![1_u8; 1 << 20];
        println!("serving");
        // The test ends the service by closing its standard input.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        drop(held);
        std::process::exit(5);
    }
}

fn wait_for(path: &Path) -> Profile {
    let start = Instant::now();
    loop {
        if let Ok(file) = File::open(path) {
            return Profile::read_pprof(file).unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{} does not come", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_signal_writes_a_whole_profile_and_the_service_goes_on() {
    let directory = directory("signal");
    let out = directory.join("heap-%n.pb.gz");
    let mut command = role("service", &format!("signal=usr1,out={}", out.display()));
    end_after_a_minute(&mut command);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let held = |profile: &Profile| profile.total(profile.column("inuse_space").unwrap());
    // Before the service's first words the handler may not be there yet.
    let mut words = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(words.any(|line| line.unwrap().contains("serving")));
    for number in 1..=3 {
        // SAFETY: the child is this test's own and still runs.
        unsafe { libc::kill(child.id().cast_signed(), libc::SIGUSR1) };
        assert!(held(&wait_for(&directory.join(format!("heap-{number}.pb.gz")))) >= 1 << 20);
    }
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(said(&output).matches("profile written to").count(), 4);
    assert!(said(&output).contains("blocks now;"));
    assert!(held(&wait_for(&directory.join("heap-4.pb.gz"))) < 1 << 20);
}

/// Storms itself when it is told to, while its tracer's thread waits for somebody to read its words.
#[test]
fn service_in_a_storm() {
    if plays("service_in_a_storm") {
        std::io::stdin().read_exact(&mut [0]).unwrap();
        for _ in 0..1000 {
            // SAFETY: the tracer handles the signal.
            unsafe { libc::raise(libc::SIGUSR2) };
        }
        println!("the storm is over");
        std::process::exit(5);
    }
}

#[test]
fn a_storm_of_signals_piles_up_no_profiles() {
    let directory = directory("storm");
    let out = directory.join("heap-%n.pb.gz");
    let (mut errors, mut writer) = std::io::pipe().unwrap();
    // Standard error is full: the thread that wrote the first profile waits to say so.
    // SAFETY: the descriptor is open; a pipe that does not block says when it is full.
    unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    while writer.write(&[b' '; 4096]).is_ok() {}
    // SAFETY: as above.
    unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, 0) };
    let mut command = role("service_in_a_storm", &format!("signal=usr2,symbols=no,out={}", out.display()));
    end_after_a_minute(&mut command);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
    drop(command);
    let mut orders = child.stdin.take().unwrap();
    wait_for_handler(child.id(), libc::SIGUSR2);
    // SAFETY: the child is this test's own and still runs.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGUSR2) };
    wait_for(&directory.join("heap-1.pb.gz"));
    orders.write_all(&[0]).unwrap();
    let mut words = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(words.any(|line| line.unwrap().contains("the storm is over")));
    errors.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    // One for the first signal, one for all of the storm, one at exit.
    let count = std::fs::read_dir(&directory).unwrap().count();
    assert!(count <= 3, "{count} profiles");
}

/// Waits until a process handles a signal, which would end it before.
fn wait_for_handler(process: u32, signal: i32) {
    let start = Instant::now();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        if u64::from_str_radix(caught, 16).unwrap() >> (signal - 1) & 1 == 1 {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "no handler comes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that blocks a signal to wait for it would lose it to a thread that does not block it.
#[test]
fn the_tracers_thread_takes_no_signal_that_is_meant_for_the_program() {
    let threads = |variable: &str| {
        let output = output_within_a_minute(role("print_signal_masks", variable));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let out = directory("masks").join("heap.pb.gz");
    let masks = threads(&format!("signal=usr2,out={}", out.display()));
    let tracers: Vec<&str> = masks.lines().filter(|line| line.starts_with("alloc-tracer ")).collect();
    assert_eq!(tracers.len(), 1, "{masks}");
    // All signals but the two that the C library keeps for itself, and those that cannot be blocked.
    assert!(tracers[0].ends_with("fffffffe7ffbfeff"), "{masks}");
}

#[test]
fn print_signal_masks() {
    if plays("print_signal_masks") {
        for task in std::fs::read_dir("/proc/self/task").unwrap() {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let field = |name: &str| {
                status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
            };
            println!("{} {}", field("Name:"), field("SigBlk:"));
        }
    }
}
