//! The door to the recorder: one key per thread, so that nothing records while it is being recorded.
//! Broken by: `tests/signals.rs`, `tests/untracked.rs`.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::call_tree::Mark;
use crate::sys::thread_local;

static REENTRIES: AtomicU64 = AtomicU64::new(0);

/// Proof of being inside the recorder, alone on this thread. Functions that walk the stack or change
/// the call tree ask for it.
pub(crate) struct Recording(PhantomData<*const ()>);

impl Recording {
    /// Enters the recorder. If this thread may not, says which mark stands for the stack instead.
    pub(crate) fn enter() -> Result<Recording, Mark> {
        thread_local::with(|words| {
            if words.recording.get() {
                REENTRIES.fetch_add(1, Relaxed);
                return Err(Mark::Reentered);
            }
            if words.untracked_depth.get() != 0 {
                return Err(Mark::Untracked);
            }
            words.recording.set(true);
            Ok(Recording(PhantomData))
        })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        thread_local::with(|words| words.recording.set(false));
    }
}

/// A section of code whose allocations are counted but not given a call stack; it ends on drop.
pub(crate) struct Untracked(PhantomData<*const ()>);

impl Untracked {
    pub(crate) fn enter() -> Untracked {
        thread_local::with(|words| words.untracked_depth.set(words.untracked_depth.get().wrapping_add(1)));
        Untracked(PhantomData)
    }
}

impl Drop for Untracked {
    fn drop(&mut self) {
        thread_local::with(|words| words.untracked_depth.set(words.untracked_depth.get().wrapping_sub(1)));
    }
}

/// How often the recorder was asked to record while it was recording on the same thread: by a signal
/// handler that allocates, or by a fault of the tracer.
pub(crate) fn reentries() -> u64 {
    REENTRIES.load(Relaxed)
}
