//! The tracer's thread-local words: const-initialised and without `Drop`, so they work before main,
//! in destructors of other thread locals and in signal handlers. At most 128 bytes. The only file
//! of this floor that names std, for its macro. Broken by: `tests/threads.rs`.

extern crate std;

use core::cell::Cell;
use core::ffi::c_void;

/// What a thread knows about itself without leaving its own cache line.
pub(crate) struct ThreadWords {
    /// The thread's state in the tracer's own pages; [`NO_STATE`] before the first use and near the end.
    pub(crate) block: Cell<*const c_void>,
    /// Whether the thread has already handed its state on: the thread is ending.
    pub(crate) ending: Cell<bool>,
    /// Whether the thread is inside the recorder right now, and how many sections of untracked code it is
    /// in; 0 for neither.
    pub(crate) sections: Cell<u64>,
}

/// A cache line of zeroes that stands for no state: whoever compares with a limit in it finds that the
/// limit is reached. Nobody writes it.
#[repr(align(64))]
pub(crate) struct NoState {
    _zeroes: [u64; 8],
}

pub(crate) static NO_STATE: NoState = NoState { _zeroes: [0; 8] };

/// The size of a thread's words.
pub(crate) const BYTES: usize = size_of::<ThreadWords>();

const _: () = assert!(BYTES <= 128);
const _: () = assert!(!core::mem::needs_drop::<ThreadWords>());

std::thread_local! {
    static WORDS: ThreadWords = const {
        ThreadWords {
            block: Cell::new((&raw const NO_STATE).cast()),
            ending: Cell::new(false),
            sections: Cell::new(0),
        }
    };
}

/// Calls `use_words` with the calling thread's words.
#[inline(always)]
pub(crate) fn with<R>(use_words: impl FnOnce(&ThreadWords) -> R) -> R {
    // A const-initialised value without Drop is never destroyed, so `with` cannot panic.
    WORDS.with(use_words)
}
