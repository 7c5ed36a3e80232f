//! A program with the tracer loads a plugin with another copy of it: blocks that one made and the other frees harm
//! neither, each count stays that of its own calls, and both profiles are kept.
#![cfg(feature = "profile")]

mod child_process;
mod plugin;

use std::ffi::{CStr, CString, c_void};
use std::fs::File;
use std::hint::black_box;

use alloc_tracer::{AllocTracer, Profile};
use child_process::{directory, output_within_a_minute, plays, role, said};
use plugin::plugin;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

type Work = extern "C" fn(usize) -> u64;
type Block = extern "C" fn(usize) -> *mut u8;
type Free = unsafe extern "C" fn(*mut u8, usize) -> u64;

const PLUGIN: &str = "ALLOC_TRACER_TEST_PLUGIN";

#[test]
fn host_of_another_copy() {
    if !plays("host_of_another_copy") {
        return;
    }
    let path = CString::new(std::env::var(PLUGIN).unwrap()).unwrap();
    // SAFETY: the path is a C string.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "{path:?}");
    let find = |name: &CStr| -> *mut c_void {
        // SAFETY: the handle is open.
        let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
        assert!(!found.is_null(), "{name:?}");
        found
    };
    // SAFETY: the plugin has functions of these names and types.
    let (work, block, free) = unsafe {
        (
            std::mem::transmute::<*mut c_void, Work>(find(c"plugin_work")),
            std::mem::transmute::<*mut c_void, Block>(find(c"plugin_block")),
            std::mem::transmute::<*mut c_void, Free>(find(c"plugin_free")),
        )
    };
    assert!(work(1000) >= 1000);
    let before = alloc_tracer::stats();
    // Small blocks have tags, large ones are in the tables.
    for round in 0..20_000_usize {
        let bytes = if round % 100 == 0 { 40_000 + round } else { 1 + round % 700 };
        // Both directions: as many blocks of ours go as of theirs come.
        let theirs = block(bytes);
        let mut ours = std::mem::ManuallyDrop::new(black_box(vec![9_u8; bytes]));
        // SAFETY: the plugin made the block with this size, as its function says, and the system's allocator.
        let theirs = unsafe { Vec::from_raw_parts(theirs, bytes, bytes) };
        assert!(theirs.iter().all(|byte| *byte == 7) && ours.iter().all(|byte| *byte == 9));
        drop(black_box(theirs));
        // SAFETY: the block is of this size and the system's allocator, and is given away.
        let live = unsafe { free(ours.as_mut_ptr(), bytes) };
        assert!(live < 1 << 20, "the plugin counts {live} bytes live");
    }
    let after = alloc_tracer::stats();
    // The harness's own thread has a few blocks of its own.
    let counted = [after.allocations - before.allocations, after.frees - before.frees];
    assert!(counted.iter().all(|count| (20_000..20_020).contains(count)), "{counted:?}");
    assert!(after.live_blocks.abs_diff(before.live_blocks) < 20, "{before:?} {after:?}");
    assert!(after.live_bytes.abs_diff(before.live_bytes) < 10_000, "{before:?} {after:?}");
    let troubles = (after.reentries, after.lost_blocks, after.stacks_lost, after.stack_mismatches);
    assert_eq!(troubles, (0, 0, 0, 0), "{after:?}");
    std::mem::forget(black_box(vec![1_u8; 3 << 20]));
    std::process::exit(6);
}

#[test]
fn blocks_cross_between_both_copies_and_each_leaves_its_profile() {
    let plugin = plugin();
    for mode in
        ["mode=exact", "mode=exact,blocks=listed", "mode=sampled,interval=1k", "mode=exact,check=stacks"]
    {
        let directory = directory("two-copies");
        let out = directory.join("heap.pb.gz");
        // A second run finds the files of the first.
        for _ in 0..2 {
            let mut host = role("host_of_another_copy", &format!("{mode},symbols=no,out={}", out.display()));
            host.env(PLUGIN, &plugin);
            let output = output_within_a_minute(host);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(6), "{mode}: {}\n{errors}", output.status);
            let said = said(&output);
            assert_eq!(said.matches("profile written to").count(), 2, "{said}");
            let profiles: Vec<_> = std::fs::read_dir(&directory)
                .unwrap()
                .map(|file| Profile::read_pprof(File::open(file.unwrap().path()).unwrap()).unwrap())
                .collect();
            let held = |profile: &Profile| profile.total(profile.column("inuse_space").unwrap());
            assert_eq!(profiles.len(), 2, "{said}");
            assert_ne!(held(&profiles[0]), held(&profiles[1]), "{said}");
            assert!(profiles.iter().any(|profile| held(profile) >= 3 << 20), "{said}");
            assert!(out.exists());
        }
    }
}
