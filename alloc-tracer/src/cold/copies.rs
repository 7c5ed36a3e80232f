//! Several copies of the tracer in one process, that of a program and those of its plugins, which know nothing
//! of each other: each finds the others' profiles by a mark in the files' gzip headers.
//! Broken by: `tests/two_copies.rs`, `tests/nested_copies.rs`.

use core::sync::atomic::AtomicU8;

use flate2::read::GzDecoder;

use super::std::fs::{File, OpenOptions};
use super::std::io::Read;
use super::std::os::unix::fs::OpenOptionsExt;
use super::std::path::{Path, PathBuf};
use super::std::prelude::rust_2024::*;
use super::std::{format, vec};
use crate::sys::process;

/// One copy of the tracer in one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TracerCopy {
    process: String,
    copy: String,
}

impl TracerCopy {
    /// The copy that asks.
    pub(crate) fn this() -> TracerCopy {
        static HERE: AtomicU8 = AtomicU8::new(0);
        // Ids come again, in containers at once; the place of the kernel's own library does not.
        let process = format!("process {} {:x}", process::id(), process::kernel_library());
        TracerCopy { process, copy: format!(" copy {:x}", (&raw const HERE).addr()) }
    }

    /// What is put into the header of its files.
    pub(crate) fn mark(&self) -> String {
        format!("{}{}", self.process, self.copy)
    }

    /// The path, or where another copy of this process has written its profile one beside it: `NAME.2` and so on.
    pub(crate) fn place_beside_others(&self, path: PathBuf) -> PathBuf {
        let beside = (2..=MOST_COPIES).map(|number| {
            let mut name = path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        });
        let free = core::iter::once(path.clone()).chain(beside).find(|path| !self.is_anothers(path));
        free.unwrap_or(path)
    }

    fn is_anothers(&self, path: &Path) -> bool {
        mark_of(path)
            .and_then(|mark| mark.strip_prefix(&*self.process).map(|copy| copy != self.copy))
            .unwrap_or(false)
    }
}

/// Beyond these the first one's file is replaced.
const MOST_COPIES: u32 = 100;

/// No mark is longer, with the header before it.
const MARK_BYTES: u64 = 256;

/// The mark of a file, if it is a regular one and has any. Reads its first bytes only: it may be a stranger's.
fn mark_of(path: &Path) -> Option<String> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut start = vec![];
    File::take(file, MARK_BYTES).read_to_end(&mut start).ok()?;
    let mut packed = GzDecoder::new(&*start);
    // Whether there is anything behind the header is no matter.
    let _ = packed.read(&mut [0]);
    String::from_utf8(packed.header()?.comment()?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::profile::Profile;
    use super::super::std::os::unix::fs::symlink;
    use super::super::std::{env, fs};
    use super::*;

    #[test]
    fn nothing_that_lies_at_the_path_is_waited_for_or_read_beyond_its_first_bytes() {
        let directory = env::temp_dir().join(format!("alloc-tracer-copies-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let at = |name: &str| directory.join(name);
        let this = TracerCopy::this();
        let other = TracerCopy { copy: String::from(" copy 1"), ..this.clone() };
        let write =
            |name: &str, mark: Option<&str>| Profile::new().write_marked_file(&at(name), mark).unwrap();
        write("own", Some(&this.mark()));
        write("another", Some(&other.mark()));
        write("unmarked", None);
        write("long", Some(&format!("{}{}", other.mark(), "x".repeat(1000))));
        fs::write(at("empty"), "").unwrap();
        fs::write(at("text"), "process 1 copy 2").unwrap();
        symlink(at("another"), at("link")).unwrap();
        let pipe = super::super::std::ffi::CString::new(at("pipe").to_str().unwrap()).unwrap();
        // SAFETY: the path is a C string.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        for name in ["own", "unmarked", "long", "empty", "text", "link", "pipe", "missing", "."] {
            assert!(!this.is_anothers(&at(name)), "{name}");
        }
        assert!(this.is_anothers(&at("another")));
        assert!(other.is_anothers(&at("own")));
        assert_eq!(this.place_beside_others(at("another")), at("another.2"));
        write("another.2", Some(&this.mark()));
        assert_eq!(this.place_beside_others(at("another")), at("another.2"));
        fs::remove_dir_all(directory).unwrap();
    }
}
