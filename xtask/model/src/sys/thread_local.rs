//! The thread-local words of the model's threads, and of the thread that prepares a scenario.

use core::cell::Cell;
use core::ffi::c_void;

use super::words;

pub(crate) struct ThreadWords {
    pub(crate) block: Cell<*const c_void>,
    pub(crate) ending: Cell<bool>,
    pub(crate) sections: Cell<u64>,
}

#[repr(align(64))]
pub(crate) struct NoState {
    _zeroes: [u64; 8],
}

pub(crate) static NO_STATE: NoState = NoState { _zeroes: [0; 8] };

impl ThreadWords {
    const fn new() -> Self {
        let block = Cell::new((&raw const NO_STATE).cast());
        ThreadWords { block, ending: Cell::new(false), sections: Cell::new(0) }
    }
}

std::thread_local! {
    static PREPARING: ThreadWords = const { ThreadWords::new() };
}

loom::thread_local! {
    static MODELLED: ThreadWords = ThreadWords::new();
}

pub(crate) fn with<R>(use_words: impl FnOnce(&ThreadWords) -> R) -> R {
    if words::is_running() { MODELLED.with(use_words) } else { PREPARING.with(use_words) }
}
