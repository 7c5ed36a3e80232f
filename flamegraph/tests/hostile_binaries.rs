//! A binary that is cut, damaged or made to harm gives no names, or fewer: no crash, no hang, and no more
//! memory than the machine has.
#![cfg(unix)]

mod hand_made;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use alloc_tracer::Profile;
use alloc_tracer::profile::{Location, Module};
use hand_made::{in_use, stderr, stored};

const SOURCE: &str = "\
#![no_std]
#[panic_handler]
fn stop(_: &core::panic::PanicInfo) -> ! { loop {} }
#[inline(always)]
fn cube(n: usize) -> usize { n.wrapping_pow(3) }
#[unsafe(no_mangle)]
pub extern \"C\" fn named(n: usize) -> usize { cube(n) + cube(n / 7) }
";

/// Where the binary is said to have been loaded.
const LOADED_AT: u64 = 0x5555_5555_4000;

/// A profile with addresses all over the binary at a path.
fn profile_of(path: &Path) -> Profile {
    let mut profile = in_use(&[]);
    let path = profile.intern(path.to_str().unwrap());
    let module = Module { start: LOADED_AT, limit: LOADED_AT + (64 << 20), path, ..Module::default() };
    let module = profile.add_module(module);
    for index in 0..3000 {
        let address = LOADED_AT + index * 8;
        let location = Location { module: Some(module), address, ..Location::default() };
        let id = profile.add_location(location);
        profile.add_sample(&[id], &[1], &[]);
    }
    profile
}

/// Names the addresses with 4 GiB of room and a minute of processor time, which the kernel enforces.
fn symbolize(directory: &Path, bytes: &[u8]) -> Output {
    let binary = directory.join("program");
    std::fs::write(&binary, bytes).unwrap();
    let profile = stored(directory, "heap.pb.gz", &profile_of(&binary));
    let limit = || {
        for (what, most) in [(libc::RLIMIT_AS, 4 << 30), (libc::RLIMIT_CPU, 60)] {
            let room = libc::rlimit { rlim_cur: most, rlim_max: most };
            // SAFETY: the limit is valid for the read.
            if unsafe { libc::setrlimit(what, &raw const room) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-flamegraph"));
    command.arg("symbolize").arg(&profile).arg("--out").arg(directory.join("named.pb.gz"));
    // SAFETY: the closure makes system calls only.
    unsafe { command.pre_exec(limit) }.output().unwrap()
}

fn assert_survived(output: &Output, what: &str) {
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{what}: {}: {}", output.status, stderr(output));
    assert!(!stderr(output).contains("panicked"), "{what}: {}", stderr(output));
}

/// A small library with symbols and debug information.
fn build(directory: &Path) -> Vec<u8> {
    let (source, program) = (directory.join("prog.rs"), directory.join("prog"));
    std::fs::write(&source, SOURCE).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let arguments =
        ["--crate-type=cdylib", "-g", "-Cpanic=abort", "-Copt-level=1", "-Clink-arg=-nostdlib", "-o"];
    assert!(Command::new(rustc).args(arguments).arg(&program).arg(&source).status().unwrap().success());
    std::fs::read(program).unwrap()
}

#[test]
fn a_damaged_binary_costs_names_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let whole = build(path);
    let named = symbolize(path, &whole);
    assert!(named.status.success() && stderr(&named).is_empty(), "{}", stderr(&named));
    let file = std::fs::File::open(path.join("named.pb.gz")).unwrap();
    let named = Profile::read_pprof(file).unwrap();
    assert!(named.functions().iter().any(|function| named.text(function.name).ends_with("cube")));
    for part in 0..16 {
        assert_survived(&symbolize(path, &whole[..whole.len() * part / 16]), "cut");
    }
    for what in [b"\x7fELF".as_slice(), b"MZ", b"\xcf\xfa\xed\xfe", b"\0asm\x01\0\0\0", b"!<arch>\n"] {
        assert_survived(&symbolize(path, &[what, &[0xff; 4096]].concat()), "another kind of file");
    }
    let headers = usize::try_from(u64::from_le_bytes(whole[40..48].try_into().unwrap())).unwrap();
    let count = usize::from(u16::from_le_bytes(whole[60..62].try_into().unwrap()));
    // Offset, size and link of every section, and that it is packed, with a size of its own choice.
    for (field, value) in [(24, u64::MAX - 7), (32, u64::MAX), (32, 1 << 40), (40, u64::MAX), (8, 0x800)] {
        let mut bytes = whole.clone();
        for section in 1..count {
            let at = headers + section * 64 + field;
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        assert_survived(&symbolize(path, &bytes), &format!("field {field} is {value:#x}"));
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..30 {
        let mut bytes = whole.clone();
        for _ in 0..=round {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 24) as u8;
        }
        assert_survived(&symbolize(path, &bytes), &format!("round {round}"));
    }
}
