//! The moment the program is loaded: the environment is read, before main, and what it asks for is
//! arranged: mode, limits, a profile at exit or on a signal. Broken by: `tests/environment.rs`, `tests/fork.rs`,
//! `tests/pprof_file.rs`.

use core::alloc::Layout;
use core::hint::black_box;

use once_cell::sync::OnceCell;

use super::config::{self, Config};
use super::dump;
use super::on_signal;
use super::report::Moment;
use super::std::alloc::{alloc, dealloc};
use super::std::format;
use super::std::panic::catch_unwind;
use super::std::prelude::rust_2024::*;
use crate::hot::early_choice::VARIABLE;
use crate::hot::guard::Untracked;
use crate::hot::mode::Mode;
use crate::hot::{recorder, start, thread, unwind};
use crate::sys::{pages, pin, process, standard_error};

/// What the environment asked for; empty where the tracer is not the global allocator.
static CONFIG: OnceCell<Config> = OnceCell::new();

/// A value that is no list of settings at all may hold thousands.
const MISTAKES_TOLD: usize = 8;

/// Runs before main and before other constructors of the same module (they have no or a higher number).
#[used]
#[unsafe(link_section = ".init_array.00101")]
static AT_LOAD: extern "C" fn() = at_load;

extern "C" fn at_load() {
    let _guard = Untracked::enter();
    // A panic may not leave a constructor; with `panic = "abort"` it could not be caught, so nothing
    // below panics on purpose.
    if is_global_allocator() && catch_unwind(read_environment).is_err() {
        dump::say("alloc-tracer: the environment could not be read: internal error\n");
    }
}

fn read_environment() {
    // Where the environment seems to name a mode, nothing was recorded so far.
    let in_source = start::source_mode();
    recorder::set_mode(apply_environment(in_source).unwrap_or(in_source));
}

/// Arranges what the environment asks for but the mode, which it returns.
fn apply_environment(in_source: Mode) -> Option<Mode> {
    pin::keep_loaded();
    let text = config::variable()?;
    standard_error::remember();
    let (config, mistakes) = Config::parse(&text, in_source);
    for mistake in mistakes.iter().take(MISTAKES_TOLD) {
        dump::say(&format!("alloc-tracer: {mistake}\n"));
    }
    if let Some(more @ 1..) = mistakes.len().checked_sub(MISTAKES_TOLD) {
        dump::say(&format!("alloc-tracer: {VARIABLE}: {more} more mistakes\n"));
    }
    if let Some(bytes) = config.max_memory_bytes {
        pages::set_cap(bytes);
    }
    if let Some(seed) = config.seed {
        thread::set_seed(seed);
    }
    if config.checks_stacks {
        unwind::check_stacks();
    }
    let config = CONFIG.get_or_init(|| config);
    if config.out.is_some() {
        // SAFETY: the function is one of this module and lives as long as the process.
        unsafe { libc::atexit(at_exit) };
    }
    if let Some(signal) = config.signal
        && let Err(error) = on_signal::install(signal, config)
    {
        dump::say(&format!("alloc-tracer: {}: signal= does not work here: {error}\n", VARIABLE));
    }
    config.mode
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
    if process::id() == start::process_id()
        && let Some(config) = CONFIG.get()
    {
        dump::write(config, Moment::AtExit);
    }
}
