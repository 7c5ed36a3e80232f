//! A profile written because the environment asked for it, and what is said about it on standard
//! error. Broken by: `tests/environment.rs`, `tests/on_signal.rs`,
//! `tests/terminal.rs`.

use core::hint::black_box;
use core::ptr;

use super::config::{Config, expand};
use super::copies::TracerCopy;
use super::printable::printable;
use super::process_memory::process_memory_in_time;
use super::report::{self, Moment};
use super::snapshot::snapshot;
use super::std::format;
use super::std::panic::catch_unwind;
use super::std::prelude::rust_2024::*;
use super::std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use crate::hot::call_tree::CALL_TREE;
use crate::sys::{process, standard_error};

/// Writes the profile to the configured file, if there is one, and says so. Whatever goes wrong is a
/// line on standard error; the caller goes on.
pub(crate) fn write(config: &Config, moment: Moment) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(out) = &config.out else { return };
    if !has_memory(moment) {
        say("alloc-tracer: no profile written: there is no memory left to make it in\n");
        return;
    }
    let path = expand(out, process::id(), COUNT.fetch_add(1, Relaxed) + 1);
    let text = catch_unwind(|| {
        let snapshot = snapshot();
        let memory = memory_in_words(moment);
        let mut profile =
            if config.without_symbols { snapshot.profile_without_symbols() } else { snapshot.profile() };
        let comment = profile.intern(&format!("process {}", process::id()));
        profile.comments.push(comment);
        let copy = TracerCopy::this();
        let path = copy.place_beside_others(path);
        match profile.write_marked_file(&path, Some(&copy.mark())) {
            Ok(()) => report::block(&snapshot, memory.as_deref(), &profile, &path, moment),
            Err(error) => {
                format!("alloc-tracer: no profile written: {}\n", printable(&format!("{error}")))
            }
        }
    });
    say(&text.unwrap_or_else(|_| String::from("alloc-tracer: no profile written: internal error\n")));
}

/// Where resident memory is, before a profile is made, which is memory itself. Without `/proc` nobody knows.
fn memory_in_words(moment: Moment) -> Option<String> {
    let at_exit = matches!(moment, Moment::AtExit);
    let in_words = || process_memory_in_time(at_exit).map(|memory| format!("{}", memory.reconciliation()));
    catch_unwind(in_words).ok()?.ok()
}

/// Whether there is memory for a profile, as far as one can tell before: std would end the program where it is
/// refused some.
fn has_memory(moment: Moment) -> bool {
    // With names a profile takes some 100 bytes for each node of the call tree.
    let needed = (8 << 20) + (CALL_TREE.len() as usize).saturating_mul(256);
    // glibc keeps blocks up to 32 MiB in another way once it has freed one of such a size.
    let asked = match moment {
        Moment::AtExit => needed,
        Moment::OnSignal => needed.max(33 << 20),
    };
    can_allocate(asked)
}

fn can_allocate(bytes: usize) -> bool {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address that the kernel chooses, which nobody uses before it is gone again.
    unsafe {
        let pages = libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0);
        if pages != libc::MAP_FAILED {
            libc::munmap(pages, bytes);
            return true;
        }
    }
    // Where nothing more can be mapped, the heap may still have it. Second, because it may grow for it.
    // SAFETY: a block of the C library's own, which nobody uses; freeing none is allowed. Not by the global
    // allocator: it would be in the totals.
    unsafe {
        let block = black_box(libc::malloc(bytes));
        libc::free(block);
        !block.is_null()
    }
}

/// Writes to standard error, past std's lock, which a thread of the program may hold for ever; where
/// nothing can be written, nothing can be said.
pub(crate) fn say(text: &str) {
    standard_error::write(text);
}
