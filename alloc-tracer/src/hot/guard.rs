//! The door to the recorder: one key per thread, so that nothing records while it is being recorded.
//! Broken by: `tests/interrupted/signals.rs`, `tests/untracked.rs`.

use core::marker::PhantomData;

use super::call_tree::Mark;
use crate::sys::atomics::{AtomicU64, Ordering::Relaxed};
use crate::sys::thread_local;

static REENTRIES: AtomicU64 = AtomicU64::new(0);

/// Proof of being inside the recorder, alone on this thread. Functions that walk the stack or change
/// the call tree ask for it.
pub(crate) struct Recording(PhantomData<*const ()>);

impl Recording {
    /// Enters the recorder. If this thread may not, says which mark stands for the stack instead.
    #[inline(always)]
    pub(crate) fn enter() -> Result<Recording, Mark> {
        match Recording::enter_uncounted() {
            Some(recording) => Ok(recording),
            None => Err(why_not()),
        }
    }

    /// Enters the recorder, for somebody who asks again by [`enter`](Self::enter) if the thread may not.
    #[inline(always)]
    pub(crate) fn enter_uncounted() -> Option<Recording> {
        thread_local::with(|words| {
            if words.sections.get() != 0 {
                return None;
            }
            words.sections.set(RECORDING);
            Some(Recording(PhantomData))
        })
    }
}

/// The bit of [`sections`](thread_local::ThreadWords::sections) that says that the thread is inside the
/// recorder. The others count the sections of untracked code that it is in.
const RECORDING: u64 = 1 << 63;

#[cold]
fn why_not() -> Mark {
    if thread_local::with(|words| words.sections.get()) & RECORDING == 0 {
        return Mark::Untracked;
    }
    REENTRIES.fetch_add(1, Relaxed);
    Mark::Reentered
}

impl Drop for Recording {
    #[inline(always)]
    fn drop(&mut self) {
        thread_local::with(|words| words.sections.set(words.sections.get() & !RECORDING));
    }
}

/// A section of code whose allocations are counted but not given a call stack; it ends on drop.
pub(crate) struct Untracked(PhantomData<*const ()>);

impl Untracked {
    pub(crate) fn enter() -> Untracked {
        thread_local::with(|words| words.sections.set(words.sections.get().wrapping_add(1)));
        Untracked(PhantomData)
    }
}

impl Drop for Untracked {
    fn drop(&mut self) {
        thread_local::with(|words| words.sections.set(words.sections.get().wrapping_sub(1)));
    }
}

/// How often the recorder was asked to record while it was recording on the same thread: by a signal
/// handler that allocates, or by a fault of the tracer.
pub(crate) fn reentries() -> u64 {
    REENTRIES.load(Relaxed)
}
