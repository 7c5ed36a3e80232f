//! The process's start and end as the environment asks for them: the configuration is read before
//! main, the profile is written at exit. Broken by: `tests/environment.rs`, `tests/fork.rs`,
//! `tests/pprof_file.rs`.

use core::alloc::Layout;
use core::hint::black_box;

use once_cell::sync::OnceCell;

use super::config::{self, Config};
use super::report;
use super::snapshot::snapshot;
use super::std::alloc::{alloc, dealloc};
use super::std::format;
use super::std::io::Write;
use super::std::panic::catch_unwind;
use super::std::prelude::rust_2024::*;
use crate::hot::guard::Untracked;
use crate::hot::{mode, start, thread};
use crate::sys::{pages, process};

/// What the environment asked for; empty where the tracer is not the global allocator.
static CONFIG: OnceCell<Config> = OnceCell::new();

/// Runs before main and before other constructors of the same module (they have no or a higher number).
#[used]
#[unsafe(link_section = ".init_array.00101")]
static AT_LOAD: extern "C" fn() = at_load;

extern "C" fn at_load() {
    let _guard = Untracked::enter();
    if !is_global_allocator() {
        return;
    }
    let Some(text) = config::variable() else { return };
    let (config, mistakes) = Config::parse(&text);
    for mistake in mistakes {
        say(&format!("alloc-tracer: {mistake}\n"));
    }
    if let Some(bytes) = config.max_memory_bytes {
        pages::set_cap(bytes);
    }
    if let Some(seed) = config.seed {
        thread::set_seed(seed);
    }
    if let Some(mode) = config.mode {
        mode::set(mode);
    }
    let writes_at_exit = config.out.is_some();
    if CONFIG.set(config).is_ok() && writes_at_exit {
        // SAFETY: the function is one of this module and lives as long as the process.
        unsafe { libc::atexit(at_exit) };
    }
}

/// Whether an allocation reaches the tracer's hook: a program may contain the library, to read
/// profiles, without using the allocator.
fn is_global_allocator() -> bool {
    let layout = Layout::new::<u8>();
    // SAFETY: the layout has a size; the block is given back with the layout it was allocated with.
    unsafe {
        let probe = black_box(alloc(layout));
        if !probe.is_null() {
            dealloc(probe, layout);
        }
    }
    start::is_ready()
}

extern "C" fn at_exit() {
    let _guard = Untracked::enter();
    // A child that was forked has its parent's memory, not its parent's file, and other threads'
    // locks in the state they had at the fork.
    if process::id() != start::process_id() {
        return;
    }
    let Some((config, out)) = CONFIG.get().and_then(|config| Some((config, config.out.as_ref()?))) else {
        return;
    };
    let path = config::expand(out, process::id());
    let text = catch_unwind(|| {
        let snapshot = snapshot();
        let profile =
            if config.without_symbols { snapshot.profile_without_symbols() } else { snapshot.profile() };
        match profile.write_pprof_file(&path) {
            Ok(()) => report::at_exit(&snapshot, &profile, &path),
            Err(error) => format!("alloc-tracer: no profile written: {error}\n"),
        }
    });
    say(&text.unwrap_or_else(|_| String::from("alloc-tracer: no profile written: internal error\n")));
}

/// Writes to standard error; where that is closed, nothing can be said.
fn say(text: &str) {
    let _ = super::std::io::stderr().write_all(text.as_bytes());
}
