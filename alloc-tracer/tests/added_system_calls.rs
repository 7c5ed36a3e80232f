//! What the tracer asks of the kernel: unless the user asks for a profile, memory and its own ids, and
//! nothing is opened, listened on, written or started. The same program without the tracer is the
//! measure. Builds the examples `pair` and `pair_untraced`.
#![cfg(all(target_arch = "x86_64", target_os = "linux", feature = "profile"))]

mod built_beside;
mod child_process;
mod watched_process;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use child_process::{directory, skipped};
use watched_process::{Call, Watched, watch};

/// Pages, who and where the process is, and which file is behind its standard error. `mprotect` is the dynamic linker's, `brk` the C library's
/// for the same blocks with eight bytes more.
const ADDED: [libc::c_long; 8] = [
    libc::SYS_mmap,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_prlimit64,
    libc::SYS_clock_gettime,
    libc::SYS_brk,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
];

const MODES: [Option<&str>; 6] = [
    None,
    Some(""),
    Some("mode=off"),
    Some("mode=sampled,interval=1k"),
    Some("mode=exact"),
    Some("mode=exact,blocks=listed,max_memory=64m,seed=1"),
];

fn build() -> [PathBuf; 2] {
    let examples = ["pair", "pair_untraced"];
    let names = examples.map(|example| ["--example", example]).concat();
    let folder = built_beside::build(&[&["--package", "alloc-tracer"], &names[..]].concat());
    examples.map(|example| folder.join("examples").join(example))
}

/// Runs a program of a few allocations; nothing if this system does not allow to watch it.
fn run(program: &Path, variable: Option<&str>) -> Option<Watched> {
    let mut command = Command::new(program);
    command.arg("1000").env_remove("ALLOC_TRACER").stdin(Stdio::null()).stderr(Stdio::null());
    command.envs(variable.map(|value| ("ALLOC_TRACER", value)));
    match watch(command.stdout(Stdio::null())) {
        Ok(watched) => {
            assert_eq!(watched.exit_code, Some(0), "{variable:?}");
            Some(watched)
        }
        Err(error) => {
            skipped("added_system_calls", format!("a process cannot be watched here: {error}"));
            None
        }
    }
}

/// The calls that one of two runs made more often, beside those that the C library makes by chance: it
/// reads the list of mappings, which is longer in a larger program.
fn more(traced: &Watched, untraced: &Watched) -> Vec<(libc::c_long, usize)> {
    let before = untraced.counts();
    let each = traced.counts().into_iter().filter(|(number, _)| *number != libc::SYS_read);
    each.map(|(number, count)| (number, count.saturating_sub(before.get(&number).copied().unwrap_or(0))))
        .filter(|(_, more)| *more > 0)
        .collect()
}

#[test]
fn a_program_that_asks_for_nothing_opens_starts_and_sends_nothing_for_the_tracer() {
    let [traced, untraced] = build();
    let Some(without) = run(&untraced, None) else { return };
    assert!(without.calls.len() > 20, "the watching works: {:?}", without.counts());
    for variable in MODES {
        let with = run(&traced, variable).unwrap();
        assert_eq!(with.paths(), without.paths(), "{variable:?}");
        let more = more(&with, &without);
        assert!(more.iter().all(|(number, _)| ADDED.contains(number)), "{variable:?}: {more:?}");
        assert!(more.iter().map(|(_, count)| count).sum::<usize>() <= 20, "{variable:?}: {more:?}");
        assert!(more.iter().any(|(number, _)| *number == libc::SYS_mmap), "the tracer was there: {more:?}");
    }
}

/// A program's first argument is chosen by whoever starts it. If the tracer opened what it names, a pipe
/// would keep the program from its start.
#[test]
fn the_name_a_program_is_called_by_is_not_opened() {
    let [traced, _] = build();
    let pipe = directory("called_by").join("pipe");
    let path = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let mut command = Command::new(traced);
    command.arg0(&pipe).arg("10").env("ALLOC_TRACER", "mode=exact");
    assert!(child_process::output_within_a_minute(command).status.success());
}

#[test]
fn a_profile_opens_its_own_file_and_reads_the_programs_binaries_and_nothing_else() {
    let [traced, untraced] = build();
    let Some(without) = run(&untraced, None) else { return };
    let folder = directory("only_out");
    let out = folder.join("heap.pb.gz");
    let with = run(&traced, Some(&format!("mode=exact,out={}", out.display()))).unwrap();
    assert!(out.is_file());
    let is_new = |call: &&Call| call.path.as_deref().is_some_and(|path| !without.paths().contains(&path));
    for call in with.calls.iter().filter(is_new) {
        let path = call.path.as_deref().unwrap();
        let writes = call.number != libc::SYS_openat || call.flags & (libc::O_WRONLY | libc::O_RDWR) != 0;
        match writes {
            true => assert!(path.starts_with(folder.to_str().unwrap()), "{call:?}"),
            // The file that is there, whose first bytes say whether another copy of the tracer wrote it.
            false => assert!(is_its_own(path, &traced) || Path::new(path) == out, "{call:?}"),
        }
    }
    let reach_outside = [
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_execve,
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_kill,
        libc::SYS_ptrace,
    ];
    let counts = with.counts();
    assert!(reach_outside.iter().all(|number| !counts.contains_key(number)), "{counts:?}");
}

/// What names are read from: the program, the libraries in it, their debug files, the list of mappings. And what
/// the kernel tells the process of its own memory.
fn is_its_own(path: &str, program: &Path) -> bool {
    let program = program.to_str().unwrap();
    path == program
        || path == format!("{program}.dwp")
        || ["/proc/self/maps", "/proc/thread-self/smaps", "/proc/thread-self/status"].contains(&path)
        || path.starts_with("/usr/lib/debug")
        || path.contains(".so")
}
