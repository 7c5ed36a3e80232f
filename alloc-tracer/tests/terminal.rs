//! What the tracer says on a terminal is text: nothing that a symbol's name, a path or the environment
//! holds reaches it as a control character, and no value of the variable does more harm than a few lines.
#![cfg(feature = "profile")]

mod child_process;

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use alloc_tracer::AllocTracer;
use child_process::{directory, end_after_a_minute, plays, role};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

/// Sets a terminal's title, clears it, moves the cursor, writes from right to left, ends the line.
const EVIL: &str = "evil\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{7f}\r\u{202e}txt\u{2066}\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}\nalloc-tracer:";

#[unsafe(export_name = "evil\x1b]0;owned\x07\u{9b}2J\u{202e}name")]
#[inline(never)]
extern "C" fn hold_a_mebibyte() {
    std::mem::forget(std::hint::black_box(vec![1_u8; 1 << 20]));
}

#[test]
fn program() {
    if plays("program") {
        hold_a_mebibyte();
        std::process::exit(3);
    }
}

/// What a command writes to its standard error, a terminal or a pipe; it must end with its own code.
fn errors_of(mut command: Command, on_terminal: bool) -> String {
    let (mut reader, writer) = if on_terminal { terminal() } else { pipe() };
    end_after_a_minute(&mut command);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    // The command holds the other writing end.
    drop(command);
    let mut bytes = Vec::new();
    // A terminal whose last user has gone ends with an error.
    let _ = reader.read_to_end(&mut bytes);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    String::from_utf8(bytes).expect("text")
}

fn terminal() -> (File, File) {
    let (mut ours, mut theirs) = (0, 0);
    let none = std::ptr::null_mut();
    // SAFETY: both descriptors are valid for the write and nobody else's; the rest may be null.
    unsafe {
        assert_eq!(libc::openpty(&raw mut ours, &raw mut theirs, none, none.cast(), none.cast()), 0);
        libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC);
        (File::from_raw_fd(ours), File::from_raw_fd(theirs))
    }
}

fn pipe() -> (File, File) {
    let (reader, writer) = std::io::pipe().unwrap();
    (File::from(std::os::fd::OwnedFd::from(reader)), File::from(std::os::fd::OwnedFd::from(writer)))
}

fn assert_harmless(text: &str) {
    let harmful = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\r')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}')
    };
    assert!(!text.contains(harmful), "{text:?}");
    // A terminal adds a carriage return to each end of a line and nothing else does.
    assert_eq!(text.replace("\r\n", "\n").matches('\r').count(), 0, "{text:?}");
    for line in text.lines() {
        assert!(line.starts_with("alloc-tracer: ") && !line.starts_with("alloc-tracer: owned"), "{text:?}");
    }
}

#[test]
fn names_and_paths_in_the_report_steer_no_terminal() {
    let folder = directory("terminal");
    let name = EVIL.replace('\n', "");
    for on_terminal in [true, false] {
        let report = role("program", &format!("mode=exact,out={}", folder.join(&name).display()));
        let text = errors_of(report, on_terminal);
        assert_harmless(&text);
        assert!(text.contains("evil\u{fffd}]0;owned") && text.contains("profile written to"), "{text:?}");
        assert!(text.contains("1.0 MiB  evil\u{fffd}"), "the function's name is in it: {text:?}");
        let nowhere = folder.join("nowhere").join(EVIL);
        let text = errors_of(role("program", &format!("out={}", nowhere.display())), on_terminal);
        assert_harmless(&text);
        assert!(text.contains("no profile written") && text.lines().count() == 1, "{text:?}");
    }
}

#[test]
fn no_value_of_the_variable_ends_the_program_or_floods_its_terminal() {
    let many = "a=1,".repeat(30_000);
    let long = "x".repeat(120_000);
    let evil_key = format!("{EVIL}=1,mode={EVIL},signal={EVIL},interval={EVIL}");
    let long_mode = format!("mode={long}");
    let numbers = "interval=99999999999g,max_memory=18446744073709551616,seed=-1,interval=-1,interval=0x10";
    for (value, lines) in [
        (&b""[..], 0),
        (b",,,,", 0),
        (b"=", 1),
        (b"=,=,=", 3),
        (b"mode", 1),
        (b"mode=,interval=,blocks=,out=,symbols=,signal=", 6),
        (b"max_memory=,seed=,check=", 3),
        (numbers.as_bytes(), 5),
        (b"interval=18446744073709551615", 0),
        (b"mode=exact,max_memory=0", 0),
        (b"mode=\xff\xfe\x80exact", 1),
        (b"\xc3\x28=\xe2\x28\xa1", 1),
        (evil_key.as_bytes(), 4),
        (many.as_bytes(), 9),
        (long.as_bytes(), 1),
        (long_mode.as_bytes(), 1),
    ] {
        let mut command = role("program", "");
        command.env("ALLOC_TRACER", OsStr::from_bytes(value));
        let text = errors_of(command, true);
        assert_harmless(&text);
        let shown = String::from_utf8_lossy(&value[..value.len().min(80)]).into_owned();
        assert_eq!(text.lines().count(), lines, "{shown:?}: {text}");
        assert!(text.len() < 2000, "{shown:?}: {} bytes", text.len());
    }
}

#[test]
fn a_file_name_that_is_no_text_is_a_file_name() {
    let folder = directory("no_text");
    let mut value = b"symbols=no,out=".to_vec();
    value.extend(folder.as_os_str().as_bytes());
    value.extend(b"/\xff\xfe%p%%");
    let mut command = role("program", "");
    command.env("ALLOC_TRACER", OsStr::from_bytes(&value));
    assert_harmless(&errors_of(command, true));
    let name = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().file_name();
    assert!(name.as_bytes().starts_with(b"\xff\xfe") && name.as_bytes().ends_with(b"%"), "{name:?}");
}
