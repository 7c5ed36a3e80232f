//! A program without the tracer loads a plugin that contains it, uses it from threads, and unloads it
//! while they still run: the threads end as if nothing had been, and the plugin's profile is written
//! when the program exits.
#![cfg(feature = "profile")]

mod child_process;
mod plugin;

use std::ffi::CString;
use std::path::Path;
use std::sync::Barrier;

use child_process::{output_within_a_minute, plays, role};
use plugin::plugin;

const PLUGIN: &str = "ALLOC_TRACER_TEST_PLUGIN";

#[test]
fn host() {
    if !plays("host") {
        return;
    }
    let path = CString::new(std::env::var(PLUGIN).unwrap()).unwrap();
    // SAFETY: the path is a C string; the plugin has a function of this name and type.
    let (handle, work) = unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null(), "{path:?}");
        let work = libc::dlsym(handle, c"plugin_work".as_ptr());
        assert!(!work.is_null());
        (handle, std::mem::transmute::<*mut libc::c_void, extern "C" fn(usize) -> u64>(work))
    };
    let (worked, unloaded) = (Barrier::new(9), Barrier::new(9));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                assert!(work(1000) >= 1000);
                worked.wait();
                unloaded.wait();
            });
        }
        worked.wait();
        // SAFETY: the handle is open, and no thread is in the plugin's code.
        assert_eq!(unsafe { libc::dlclose(handle) }, 0);
        unloaded.wait();
    });
    println!("host: ok");
}

#[test]
fn threads_end_and_the_profile_is_written_after_the_plugin_was_unloaded() {
    let directory = child_process::directory("plugin_host");
    let profile: &Path = &directory.join("plugin.pb.gz");
    let mut host = role("host", &format!("out={}", profile.display()));
    host.env(PLUGIN, plugin());
    let output = output_within_a_minute(host);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("host: ok"));
    assert!(profile.exists(), "{said}");
}
