//! What is recorded now: off, sampled or exact, changeable while the program runs. One word that
//! every thread compares with its own copy. Broken by: `tests/mode_change.rs`.

use crate::sys::atomics::{
    AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
};

/// What the tracer records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Counters only: no call stacks.
    Off,
    /// Some allocations, chosen by a Poisson process over the bytes that are allocated, one per
    /// `interval_bytes` on average. Estimates are unbiased and carry their standard error.
    Sampled {
        /// Mean number of bytes between two samples, at least 1.
        interval_bytes: u64,
    },
    /// Every allocation.
    Exact,
}

impl Mode {
    /// Sampled at the interval that Go and jemalloc use as well: 512 KiB.
    pub const DEFAULT: Mode = Mode::Sampled { interval_bytes: 512 << 10 };
}

/// Index of a sampling interval that was in use at some time, from 1; 0 stands for exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IntervalId(pub(crate) u8);

impl IntervalId {
    /// Blocks with this id were recorded without sampling.
    pub(crate) const EXACT: IntervalId = IntervalId(0);
}

/// The current mode in one word: a count of changes (upper half), the kind and the interval's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ModeWord(pub(crate) u64);

/// What a [`ModeWord`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Off,
    Sampled(IntervalId),
    Exact,
}

impl ModeWord {
    pub(crate) fn kind(self) -> Kind {
        let [kind, interval, ..] = self.0.to_le_bytes();
        match kind {
            1 => Kind::Sampled(IntervalId(interval)),
            2 => Kind::Exact,
            _ => Kind::Off,
        }
    }

    fn new(changes: u32, kind: Kind) -> Self {
        let (kind, interval) = match kind {
            Kind::Off => (0, 0),
            Kind::Sampled(id) => (1, id.0),
            Kind::Exact => (2, 0),
        };
        ModeWord((u64::from(changes) << 32) | (u64::from(interval) << 8) | kind)
    }
}

/// Zero until the first mode is set, so that a thread's zeroed copy equals it and nothing is recorded.
static CURRENT: AtomicU64 = AtomicU64::new(0);
static CHANGES: AtomicU32 = AtomicU32::new(0);
static INTERVALS: [AtomicU64; 256] = [const { AtomicU64::new(0) }; 256];

/// The mode in force.
#[inline(always)]
pub(crate) fn current() -> ModeWord {
    ModeWord(CURRENT.load(Acquire))
}

/// The mode in force, in one order with the stores of [`set`] and of threads' limits.
pub(crate) fn current_in_order() -> ModeWord {
    ModeWord(CURRENT.load(SeqCst))
}

/// Puts a mode in force; `recorder::set_mode` then makes all threads notice.
///
/// `false` if 255 different intervals have been in use already; the mode then stays as it was,
/// because every block that was sampled must keep the interval it was sampled with.
pub(crate) fn set(mode: Mode) -> bool {
    let kind = match mode {
        Mode::Off => Kind::Off,
        Mode::Exact => Kind::Exact,
        Mode::Sampled { interval_bytes } => match interval_id(interval_bytes.max(1)) {
            Some(id) => Kind::Sampled(id),
            None => return false,
        },
    };
    let changes = CHANGES.fetch_add(1, Relaxed).wrapping_add(1);
    CURRENT.store(ModeWord::new(changes, kind).0, SeqCst);
    true
}

/// Whether a mode can be put in force; its interval then has an id.
pub(crate) fn is_possible(mode: Mode) -> bool {
    match mode {
        Mode::Off | Mode::Exact => true,
        Mode::Sampled { interval_bytes } => interval_id(interval_bytes.max(1)).is_some(),
    }
}

/// The mode in force as users name it.
pub(crate) fn current_mode() -> Mode {
    match current().kind() {
        Kind::Off => Mode::Off,
        Kind::Exact => Mode::Exact,
        Kind::Sampled(id) => Mode::Sampled { interval_bytes: interval_bytes(id) },
    }
}

/// The mean bytes between samples that this id stands for; 1 for exact.
#[inline]
pub(crate) fn interval_bytes(id: IntervalId) -> u64 {
    INTERVALS.get(usize::from(id.0)).map_or(1, |interval| interval.load(Acquire).max(1))
}

fn interval_id(bytes: u64) -> Option<IntervalId> {
    for id in 1..=u8::MAX {
        let slot = INTERVALS.get(usize::from(id))?;
        match slot.compare_exchange(0, bytes, Release, Acquire) {
            Ok(_) => return Some(IntervalId(id)),
            Err(taken) if taken == bytes => return Some(IntervalId(id)),
            Err(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_word_says_what_was_put_in() {
        for kind in [Kind::Off, Kind::Exact, Kind::Sampled(IntervalId(200))] {
            assert_eq!(ModeWord::new(7, kind).kind(), kind);
        }
    }

    #[test]
    fn an_interval_keeps_its_id() {
        let id = interval_id(4096).unwrap();
        assert_eq!(interval_id(8192).map(interval_bytes), Some(8192));
        assert_eq!((interval_id(4096), interval_bytes(id)), (Some(id), 4096));
    }
}
