//! Every system call of a process and its threads, seen by ptrace: each by its number, those that open
//! or place a file with the path. For x86-64.
#![allow(dead_code, reason = "each test file uses its own part of this module")]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{c_int, c_long, pid_t};

/// A system call as it was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: c_long,
    /// The path of an `openat`, or the new path of a rename or a link.
    pub(crate) path: Option<String>,
    /// The flags of an `openat`.
    pub(crate) flags: c_int,
}

/// How the process ended, and what it asked the kernel for after its `exec`.
pub(crate) struct Watched {
    pub(crate) exit_code: Option<i32>,
    pub(crate) calls: Vec<Call>,
}

impl Watched {
    /// How often each system call was made.
    pub(crate) fn counts(&self) -> BTreeMap<c_long, usize> {
        let mut counts = BTreeMap::new();
        self.calls.iter().for_each(|call| *counts.entry(call.number).or_default() += 1);
        counts
    }

    /// The paths of all calls that carry one.
    pub(crate) fn paths(&self) -> Vec<&str> {
        self.calls.iter().filter_map(|call| call.path.as_deref()).collect()
    }
}

/// Runs a command to its end.
///
/// # Errors
/// Where the system does not let one process watch another.
pub(crate) fn watch(command: &mut Command) -> io::Result<Watched> {
    watch_and_send(libc::SIGKILL, command, |_| false)
}

/// Runs a command to its end, and sends it a signal at a system call that is not yet begun.
///
/// # Errors
/// Where the system does not let one process watch another.
pub(crate) fn watch_and_send(
    signal_sent: c_int,
    command: &mut Command,
    mut dies_at: impl FnMut(&Call) -> bool,
) -> io::Result<Watched> {
    let ask_to_be_watched = || {
        // One that is not done after a minute hangs, and is ended by the alarm that it keeps.
        // SAFETY: both are async-signal-safe; the alarm has no preconditions, the request no further arguments.
        match unsafe {
            libc::alarm(60);
            libc::ptrace(libc::PTRACE_TRACEME)
        } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: the closure makes two system calls and allocates nothing.
    let child = unsafe { command.pre_exec(ask_to_be_watched) }.spawn()?;
    let leader = child.id().cast_signed();
    let mut watched = Watched { exit_code: None, calls: Vec::new() };
    // Which threads are inside a system call; the next stop of theirs is its end.
    let mut inside: BTreeMap<pid_t, bool> = BTreeMap::new();
    loop {
        let mut status = 0;
        // Only children of this thread: other tests have children of their own.
        // SAFETY: `status` is valid for the write.
        let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        if thread < 0 {
            return Ok(watched);
        }
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            if thread == leader {
                watched.exit_code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
            }
            continue;
        }
        let mut signal = libc::WSTOPSIG(status);
        if signal == libc::SIGTRAP | 0x80 {
            let is_inside = inside.entry(thread).or_default();
            *is_inside = !*is_inside;
            if *is_inside {
                let call = call(thread);
                if dies_at(&call) {
                    // SAFETY: the process is this thread's own child.
                    unsafe { libc::kill(leader, signal_sent) };
                }
                watched.calls.push(call);
            }
            signal = 0;
        } else if let Entry::Vacant(new) = inside.entry(thread) {
            // The first stop: that of `exec`, or of a new thread.
            new.insert(false);
            let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
            ask(libc::PTRACE_SETOPTIONS, thread, 0, options as c_long);
            signal = 0;
        } else if signal == libc::SIGTRAP {
            signal = 0;
        }
        ask(libc::PTRACE_SYSCALL, thread, 0, c_long::from(signal));
    }
}

fn ask(request: libc::c_uint, thread: pid_t, address: c_long, data: c_long) -> c_long {
    // SAFETY: the thread is one that this process watches and has stopped, and no request that is made
    // here writes to this process's memory.
    unsafe { libc::ptrace(request, thread, address, data) }
}

fn call(thread: pid_t) -> Call {
    // The registers lie at the beginning of `user`, eight bytes each (sys/user.h).
    let register = |index: c_int| ask(libc::PTRACE_PEEKUSER, thread, c_long::from(index) * 8, 0);
    let number = register(libc::ORIG_RAX);
    let argument = |index| register([libc::RDI, libc::RSI, libc::RDX, libc::R10][index]);
    let (path, flags) = match number {
        libc::SYS_openat => (Some(argument(1)), argument(2) as c_int),
        libc::SYS_open => (Some(argument(0)), argument(1) as c_int),
        libc::SYS_rename | libc::SYS_link | libc::SYS_symlink => (Some(argument(1)), 0),
        libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => (Some(argument(3)), 0),
        _ => (None, 0),
    };
    Call { number, path: path.map(|address| text(thread, address)), flags }
}

/// The C string at an address of a stopped thread.
fn text(thread: pid_t, address: c_long) -> String {
    let mut bytes = Vec::new();
    for at in (address..).step_by(8) {
        let word = ask(libc::PTRACE_PEEKDATA, thread, at, 0).to_ne_bytes();
        match word.iter().position(|byte| *byte == 0) {
            Some(end) => {
                bytes.extend(&word[..end]);
                break;
            }
            None => bytes.extend(word),
        }
    }
    OsString::from_vec(bytes).to_string_lossy().into_owned()
}
