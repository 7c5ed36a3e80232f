//! A program with privileges that its caller does not have (set-user-id and the like) takes no orders
//! from its caller's environment: no file, no word, no other mode. Needs the superuser, or a build with
//! another user's files; where such a program cannot be made it says that it is skipped.
#![cfg(feature = "profile")]

mod child_process;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use alloc_tracer::{AllocTracer, Mode};
use child_process::{end_after_a_minute, plays, role, said, skipped};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

const NAME: &str = "raised_privileges";

/// Whom the system has for those who own nothing.
const NOBODY: u32 = 65534;

#[test]
fn program() {
    if plays("program") {
        // SAFETY: the call reads the process's auxiliary vector.
        let is_secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
        println!("secure: {is_secure}; recording: {}", alloc_tracer::mode() != Mode::Off);
        std::mem::forget(vec![1_u8; 1 << 20]);
        std::process::exit(3);
    }
}

/// A folder that this user and `NOBODY` may enter, and nobody else: a program that raises privileges lies in it.
/// Below one that everybody may pass, which those of a build often are not.
struct SharedFolder(PathBuf);

impl SharedFolder {
    fn new() -> std::io::Result<SharedFolder> {
        let path = std::env::temp_dir().join(format!("alloc-tracer-privileges-{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        let folder = SharedFolder(path);
        chown(&folder.0, None, Some(NOBODY))?;
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o710))?;
        Ok(folder)
    }

    /// A folder inside that is `NOBODY`'s own.
    fn of_nobody(&self) -> std::io::Result<PathBuf> {
        let path = self.0.join("out");
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        chown(&path, Some(NOBODY), Some(NOBODY))?;
        Ok(path)
    }

    /// A copy of this program that `NOBODY` may run.
    fn program(&self) -> std::io::Result<PathBuf> {
        let path = self.0.join("program");
        fs::copy(std::env::current_exe()?, &path)?;
        chown(&path, None, Some(NOBODY))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o710))?;
        Ok(path)
    }
}

impl Drop for SharedFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a copy of this program as a user who owns nothing, with orders for the tracer.
fn run(program: &Path, out: &Path) -> std::io::Result<Output> {
    let orders = format!("mode=exact,blocks=listed,symbols=no,nonsense=1,out={}", out.display());
    let original = role("program", &orders);
    let mut command = Command::new(program);
    command.args(original.get_args());
    command.envs(original.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    end_after_a_minute(&mut command);
    command.output()
}

#[test]
fn a_program_with_raised_privileges_ignores_the_environment() {
    let made = SharedFolder::new().and_then(|folder| Ok((folder.program()?, folder.of_nobody()?, folder)));
    let (program, out, _folder) = match made {
        Ok((program, place, folder)) => (program, place.join("heap.pb.gz"), folder),
        Err(error) => return skipped(NAME, format!("nothing can be shared with another user here: {error}")),
    };
    let usual = match run(&program, &out) {
        Ok(output) => output,
        Err(error) => return skipped(NAME, format!("no program can be run as another user here: {error}")),
    };
    let words = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(words(&usual).contains("secure: false; recording: true"), "{}", words(&usual));
    assert!(out.exists() && said(&usual).contains("profile written"), "{}", said(&usual));
    fs::remove_file(&out).unwrap();

    fs::set_permissions(&program, fs::Permissions::from_mode(0o4710)).unwrap();
    let raised = run(&program, &out).unwrap();
    if words(&raised).contains("secure: false") {
        return skipped(NAME, "this file system raises no privileges");
    }
    assert!(words(&raised).contains("secure: true; recording: false"), "{}", words(&raised));
    assert_eq!((raised.status.code(), said(&raised)), (Some(3), String::new()));
    assert!(!out.exists());
}
