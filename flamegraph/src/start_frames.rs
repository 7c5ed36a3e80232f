//! How many frames at the root of a stack belong to the start of a program or a thread and not to
//! the program itself; Rust's own short backtraces cut them at the same marker (std's
//! `sys/backtrace.rs`). Names `stack`. Broken by: the tests below.

use crate::stack::{NameId, Stacks};

/// Cuts the start frames off the stacks of one profile.
#[derive(Debug)]
pub(crate) struct StartFrames {
    kinds: Vec<StartKind>,
    root_first: Vec<StartKind>,
}

impl StartFrames {
    pub(crate) fn of(stacks: &Stacks<'_>) -> StartFrames {
        let kinds = stacks.names().iter().map(|name| StartKind::of(name)).collect();
        StartFrames { kinds, root_first: Vec::new() }
    }

    /// Removes the start frames from a stack, leaf first. The leaf stays.
    pub(crate) fn trim(&mut self, frames: &mut Vec<NameId>) {
        self.root_first.clear();
        self.root_first.extend(frames.iter().rev().map(|id| self.kinds[id.0 as usize]));
        frames.truncate(frames.len() - count_start_frames(&self.root_first));
    }
}

/// What a frame's name says about the start of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StartKind {
    /// `__rust_begin_short_backtrace`: everything up to here is the runtime's.
    Marker,
    /// Rust's start code and the calls of closures in it.
    Glue,
    /// The C library's start code, or a `main` that may be the runtime's.
    Platform,
    /// Anything else.
    Program,
}

impl StartKind {
    fn of(name: &str) -> StartKind {
        const PLATFORM: [&str; 11] = [
            "_start",
            "__libc_start_main",
            "__libc_start_main_impl",
            "__libc_start_call_main",
            "main",
            "start_thread",
            "clone",
            "clone3",
            "__clone",
            "__clone3",
            "thread_start",
        ];
        const GLUE_PREFIXES: [&str; 6] = [
            "std::rt::lang_start",
            "std::panicking::catch_unwind",
            "std::panicking::try",
            "std::panic::catch_unwind",
            "__rust_try",
            "core::ops::function::FnOnce::call_once",
        ];
        let calls_closure = name.contains("core::ops::function::FnOnce") && name.contains("::call_once");
        let starts_thread = name.contains("Thread>::new::thread_start")
            || name.contains("Thread::new::thread_start")
            || name.starts_with("std::thread::") && (name.contains("spawn") || name.contains("thread_start"));
        if name.contains("__rust_begin_short_backtrace") {
            StartKind::Marker
        } else if calls_closure
            || starts_thread
            || GLUE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        {
            StartKind::Glue
        } else if PLATFORM.contains(&name.split('@').next().unwrap_or(name)) {
            StartKind::Platform
        } else {
            StartKind::Program
        }
    }
}

/// The number of frames at the root side that are start code. `root_first` has the kinds of a
/// stack's frames from the root to the leaf. The leaf is never cut.
fn count_start_frames(root_first: &[StartKind]) -> usize {
    let marker = root_first.iter().rposition(|kind| *kind == StartKind::Marker);
    let cut = match marker {
        Some(at) => {
            let after = root_first[at + 1..].iter();
            at + 1 + after.take_while(|kind| **kind == StartKind::Glue).count()
        }
        None => {
            let run = root_first.iter().take_while(|kind| **kind != StartKind::Program).count();
            // Without Rust's glue this is the start of a C or Go program, whose `main` is its own.
            if root_first[..run].contains(&StartKind::Glue) { run } else { 0 }
        }
    };
    cut.min(root_first.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(names: &[&str]) -> usize {
        count_start_frames(&names.iter().map(|name| StartKind::of(name)).collect::<Vec<_>>())
    }

    #[test]
    fn the_start_of_main_and_of_threads_is_cut_and_the_program_stays() {
        let main = [
            "_start",
            "__libc_start_main@@GLIBC_2.34",
            "main",
            "std::rt::lang_start::<()>",
            "std::rt::lang_start_internal",
            "std::rt::lang_start::{{closure}}",
            "std::sys::backtrace::__rust_begin_short_backtrace",
            "core::ops::function::FnOnce::call_once",
            "app::main",
            "app::work",
        ];
        assert_eq!(cut(&main), 8);
        let thread = [
            "clone3",
            "start_thread",
            "<std::sys::thread::unix::Thread>::new::thread_start",
            "<alloc::boxed::Box<dyn core::ops::function::FnOnce()> as core::ops::function::FnOnce<()>>::call_once",
            "std::thread::lifecycle::spawn_unchecked::{closure#1}",
            "app::worker",
        ];
        assert_eq!(cut(&thread), 5);
    }

    #[test]
    fn programs_in_other_languages_and_the_leaf_are_left_alone() {
        assert_eq!(cut(&["_start", "__libc_start_main", "main", "work"]), 0);
        assert_eq!(cut(&["runtime.main", "main.main"]), 0);
        assert_eq!(cut(&["std::rt::lang_start"]), 0);
        assert_eq!(cut(&["main", "std::rt::lang_start", "std::rt::init"]), 2);
        assert_eq!(cut(&[]), 0);
    }
}
