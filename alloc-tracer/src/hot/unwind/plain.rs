//! The walk where this project has no rules of its own: the `backtrace` crate's, through the
//! platform's unwinder. Slower by two orders of magnitude, and the platform's unwinder may take its
//! own lock. Chosen by the processor, or by the feature `plain-unwind` to compare the two.
//! Broken by: `tests/` with that feature.

use super::{End, MAX_DEPTH};
use crate::hot::guard::Recording;

/// Nothing: the platform's unwinder starts where it is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registers;

impl Registers {
    #[inline(always)]
    pub(crate) fn here() -> Registers {
        Registers
    }
}

/// Room for one walk at a time.
pub(crate) struct WalkSpace {
    frames: [usize; MAX_DEPTH],
}

/// Nothing to prepare.
pub(crate) fn prepare() {}

/// The return addresses of the calling stack, leaf first.
#[cfg(feature = "profile")]
pub(crate) fn walk<'a>(
    _recording: &Recording,
    space: &'a mut WalkSpace,
    _registers: Registers,
    _stack_top: usize,
) -> (&'a [usize], End) {
    let frames = &mut space.frames;
    let (mut depth, mut end) = (0_usize, End::Complete);
    // SAFETY: the unsynchronised form may not run together with itself where the platform's symbol
    // handler is not thread-safe, which concerns Windows alone; tracing touches no shared state here.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            let Some(slot) = frames.get_mut(depth) else {
                end = End::TooDeep;
                return false;
            };
            // Some unwinders report a null frame behind the last one.
            *slot = match frame.ip() as usize {
                0 => return false,
                address => address,
            };
            depth = depth.wrapping_add(1);
            true
        });
    }
    let end = if depth == 0 { End::Lost } else { end };
    (frames.get(..depth).unwrap_or_default(), end)
}

/// Without the `backtrace` crate there is no stack: everything is booked on the mark for lost ones.
#[cfg(not(feature = "profile"))]
pub(crate) fn walk<'a>(
    _recording: &Recording,
    space: &'a mut WalkSpace,
    _registers: Registers,
    _stack_top: usize,
) -> (&'a [usize], End) {
    (space.frames.get(..0).unwrap_or_default(), End::Lost)
}
