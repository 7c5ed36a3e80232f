//! A program ends as it would without the tracer: with the same exit code or by the same signal, however it
//! ends, whoever no longer reads its standard error, and however small its files must be.
#![cfg(feature = "profile")]

mod child_process;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use alloc_tracer::{AllocTracer, Profile};
use child_process::{directory, end_after_a_minute, output_within_a_minute, plays, role, said};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

struct Ending {
    name: &'static str,
    end: fn() -> Result<ExitCode, String>,
    status: i32,
    /// Whether the C library's `exit` is reached, which writes the profile.
    exits: bool,
    /// Whether the program itself writes to standard error.
    speaks: bool,
}

/// An exit code as `wait` has it; a signal is its bare number.
const fn code(code: i32) -> i32 {
    code << 8
}

const ENDINGS: [Ending; 11] = [
    Ending { name: "main_returns", end: || Ok(ExitCode::SUCCESS), status: 0, exits: true, speaks: false },
    Ending {
        name: "main_returns_a_code",
        end: || Ok(ExitCode::from(9)),
        status: code(9),
        exits: true,
        speaks: false,
    },
    Ending {
        name: "main_returns_an_error",
        end: || Err("an error".into()),
        status: code(1),
        exits: true,
        speaks: true,
    },
    Ending { name: "exit", end: || std::process::exit(7), status: code(7), exits: true, speaks: false },
    Ending { name: "panic", end: || panic!("in main"), status: code(101), exits: true, speaks: true },
    Ending {
        name: "exit_on_a_thread",
        end: || std::thread::spawn(|| std::process::exit(8)).join().unwrap(),
        status: code(8),
        exits: true,
        speaks: false,
    },
    Ending {
        name: "abort",
        end: || std::process::abort(),
        status: libc::SIGABRT,
        exits: false,
        speaks: false,
    },
    Ending {
        name: "killed",
        end: || signalled(libc::SIGTERM),
        status: libc::SIGTERM,
        exits: false,
        speaks: false,
    },
    Ending {
        name: "broken_pipe",
        end: || signalled(libc::SIGPIPE),
        status: libc::SIGPIPE,
        exits: false,
        speaks: false,
    },
    Ending { name: "quick_exit", end: || quick_exit(3), status: code(3), exits: false, speaks: false },
    Ending {
        name: "exit_at_once",
        // SAFETY: ends the process; nothing is required.
        end: || unsafe { libc::_exit(4) },
        status: code(4),
        exits: false,
        speaks: false,
    },
];

fn signalled(signal: i32) -> ! {
    // SAFETY: the signal's action is the system's own, which ends the process.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    unreachable!("signal {signal} did nothing")
}

fn quick_exit(code: i32) -> ! {
    unsafe extern "C" {
        safe fn quick_exit(code: i32) -> !;
    }
    quick_exit(code)
}

fn main() -> Result<ExitCode, String> {
    if let Some(ending) = ENDINGS.iter().find(|ending| plays(ending.name)) {
        if std::env::var_os(SIGPIPE_KILLS).is_some() {
            // SAFETY: the system's own action takes the place of the one that std chose.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        }
        std::hint::black_box(vec![1_u8; 10_000]);
        std::mem::forget(std::hint::black_box(vec![1_u8; 1000]));
        return (ending.end)();
    }
    every_ending_is_the_same_in_every_mode_and_leaves_a_profile_where_the_program_exits();
    a_report_that_nobody_reads_does_not_end_the_program();
    a_profile_beyond_the_largest_file_is_one_line_and_does_not_end_the_program();
    println!("endings: ok");
    Ok(ExitCode::SUCCESS)
}

/// As many programs have it that print for `head`.
const SIGPIPE_KILLS: &str = "ALLOC_TRACER_TEST_SIGPIPE_KILLS";

fn ends_as_it_should(ending: &Ending, status: ExitStatus, what: &str) {
    // The bit that says whether a core was left is the system's affair.
    assert_eq!(status.into_raw() & !0x80, ending.status, "{} {what}: {status}", ending.name);
}

fn every_ending_is_the_same_in_every_mode_and_leaves_a_profile_where_the_program_exits() {
    for ending in &ENDINGS {
        for mode in ["mode=off", "interval=1k", "mode=exact"] {
            let profile = directory("endings").join("heap.pb.gz");
            let command = role(ending.name, &format!("{mode},symbols=no,out={}", profile.display()));
            let output = output_within_a_minute(command);
            ends_as_it_should(ending, output.status, mode);
            assert_eq!(profile.exists(), ending.exits, "{} {mode}: {}", ending.name, said(&output));
            if ending.exits {
                Profile::read_pprof(std::fs::File::open(profile).unwrap()).unwrap();
            }
        }
        let mut command = role(ending.name, "");
        command.env_remove("ALLOC_TRACER");
        ends_as_it_should(ending, output_within_a_minute(command).status, "without ALLOC_TRACER");
    }
}

fn a_report_that_nobody_reads_does_not_end_the_program() {
    for ending in ENDINGS.iter().filter(|ending| !ending.speaks) {
        for signal_kills in [false, true] {
            let profile = directory("endings").join("heap.pb.gz");
            let mut command = role(ending.name, &format!("symbols=no,out={}", profile.display()));
            if signal_kills {
                command.env(SIGPIPE_KILLS, "1");
            }
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            end_after_a_minute(&mut command);
            let status = command.stderr(writer).stdout(Stdio::null()).status().unwrap();
            ends_as_it_should(ending, status, "with a broken pipe");
            assert_eq!(profile.exists(), ending.exits, "{}", ending.name);
        }
    }
}

fn a_profile_beyond_the_largest_file_is_one_line_and_does_not_end_the_program() {
    for ending in ENDINGS.iter().filter(|ending| ending.exits) {
        let directory = directory("endings");
        let profile = directory.join("heap.pb.gz");
        let mut command = role(ending.name, &format!("symbols=no,out={}", profile.display()));
        limit_file_size(&mut command, 100);
        let output = output_within_a_minute(command);
        ends_as_it_should(ending, output.status, "with small files");
        let said = said(&output);
        assert!(said.contains("no profile written: cannot write"), "{}: {said}", ending.name);
        assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0, "nothing is left behind");
    }
}

fn limit_file_size(command: &mut Command, bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    let set = move || {
        // SAFETY: the limit is valid for the call, which is async-signal-safe.
        match unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one async-signal-safe call and allocates nothing.
    unsafe { command.pre_exec(set) };
}
