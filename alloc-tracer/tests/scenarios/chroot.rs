//! A program that shuts itself into an empty root, without its own file and without `/proc`.

use std::fs::File;
use std::path::Path;

use alloc_tracer::Profile;

use crate::child_process::{directory, output_within_a_minute, plays, role, said, skipped};

/// What the program says where it is not allowed to.
const NO_CHROOT: &str = "no chroot here";

const HELD_BYTES: i64 = 3 << 20;

/// Makes `root` the root of this process, as root or in a user namespace of its own.
fn shut_in(root: &Path) -> std::io::Result<()> {
    // SAFETY: asks for a number, and changes this process, which has one thread.
    unsafe {
        if libc::geteuid() != 0 && libc::unshare(libc::CLONE_NEWUSER) != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    std::os::unix::fs::chroot(root)?;
    std::env::set_current_dir("/")
}

#[test]
fn the_profile_is_written_inside_with_what_it_takes_to_name_its_addresses_outside() {
    let name = "chroot::the_profile_is_written_inside_with_what_it_takes_to_name_its_addresses_outside";
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chroot");
    if plays(name) {
        if let Err(error) = shut_in(&root) {
            println!("{NO_CHROOT}: {error}");
            return;
        }
        assert!(!Path::new("/proc").exists());
        std::mem::forget(std::hint::black_box(vec![1_u8; HELD_BYTES as usize]));
        std::process::exit(6);
    }
    for mode in ["mode=exact", "mode=exact,blocks=listed", "interval=1k"] {
        assert_eq!(directory("chroot"), root);
        let output = output_within_a_minute(role(name, &format!("{mode},out=/heap.pb.gz")));
        let words = String::from_utf8_lossy(&output.stdout);
        if let Some(why) = words.lines().find(|line| line.starts_with(NO_CHROOT)) {
            return skipped("chroot", why);
        }
        let said = said(&output);
        assert_eq!(output.status.code(), Some(6), "{mode}: {said}");
        assert!(said.contains("alloc-flamegraph symbolize"), "{said}");
        let profile = Profile::read_pprof(File::open(root.join("heap.pb.gz")).unwrap()).unwrap();
        let held = profile.total(profile.column("inuse_space").unwrap());
        assert!((HELD_BYTES..HELD_BYTES + (1 << 20)).contains(&held), "{mode}: {held}");
        let program = &profile.modules()[0];
        assert_eq!(Path::new(profile.text(program.path)), std::env::current_exe().unwrap());
        println!("{said}");
    }
}
