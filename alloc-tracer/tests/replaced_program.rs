//! A program whose file is deleted or replaced while it runs still ends as it would and leaves its
//! profile: with fewer names, never with a crash, a hang or a great need of memory.
#![cfg(feature = "profile")]

mod child_process;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use alloc_tracer::{AllocTracer, Profile};
use child_process::{directory, output_within_a_minute, plays, role, said};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

/// What takes the place of the program's file.
const REPLACEMENTS: [&str; 5] = ["nothing", "garbage", "half", "wide_sections", "deleted_name"];

#[test]
fn program() {
    if plays("program") {
        std::mem::forget(std::hint::black_box(vec![1_u8; 1 << 20]));
        let own = std::env::current_exe().unwrap();
        let mut bytes = fs::read(&own).unwrap();
        fs::remove_file(&own).unwrap();
        // What the kernel then calls the program's file.
        let deleted = own.with_file_name(format!("{} (deleted)", own.file_name().unwrap().to_str().unwrap()));
        match std::env::var("REPLACEMENT").unwrap().as_str() {
            "nothing" => {}
            "garbage" => fs::write(&deleted, vec![0x7f; 1 << 16]).unwrap(),
            "half" => fs::write(&deleted, &bytes[..bytes.len() / 2]).unwrap(),
            "wide_sections" => {
                // Every section begins anywhere and is as large as the address space.
                let headers = usize::from_le_bytes(bytes[40..48].try_into().unwrap());
                let count = usize::from(u16::from_le_bytes(bytes[60..62].try_into().unwrap()));
                for section in 1..count {
                    let at = headers + section * 64;
                    bytes[at + 32..at + 40].copy_from_slice(&(u64::MAX - section as u64).to_le_bytes());
                }
                fs::write(&deleted, &bytes).unwrap();
            }
            _ => {
                let start = bytes.len() / 3;
                bytes[start..].iter_mut().step_by(7).for_each(|byte| *byte = byte.wrapping_add(1));
                fs::write(&deleted, &bytes).unwrap();
            }
        }
        drop(bytes);
        let few = libc::rlimit { rlim_cur: 4 << 30, rlim_max: 4 << 30 };
        // SAFETY: the limit is valid for the read.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const few) }, 0);
        std::process::exit(3);
    }
}

#[test]
fn a_replaced_program_ends_as_it_would_and_leaves_its_profile() {
    for replacement in REPLACEMENTS {
        let folder = directory(replacement);
        let (copy, out) = (folder.join("program"), folder.join("heap.pb.gz"));
        fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o700)).unwrap();
        let original = role("program", &format!("out={}", out.display()));
        let mut command = Command::new(&copy);
        command.args(original.get_args()).env("REPLACEMENT", replacement);
        command.envs(original.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = output_within_a_minute(command);
        assert_eq!(output.status.code(), Some(3), "{replacement}: {}", output.status);
        assert!(said(&output).contains("profile written"), "{replacement}: {}", said(&output));
        let profile = Profile::read_pprof(fs::File::open(&out).unwrap()).unwrap();
        assert!(profile.total(profile.column("inuse_space").unwrap()) >= 1 << 20);
        fs::remove_dir_all(folder).unwrap();
    }
}
