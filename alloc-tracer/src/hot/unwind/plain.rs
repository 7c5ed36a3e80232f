//! The walk where this project has no rules of its own: the `backtrace` crate's, through the
//! platform's unwinder. Slower by two orders of magnitude, and the platform's unwinder may take its
//! own lock. Chosen by the processor, or by the feature `plain-unwind` to compare the two.
//! Broken by: `tests/` with that feature.

use super::{End, MAX_DEPTH};
use crate::hot::call_tree::{CALL_TREE, Mark, NodeId, Root};
use crate::hot::guard::Recording;
use crate::hot::thread_sites::Place;
use crate::sys::stack::Bounds;

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

/// Nothing to check: every stack is walked to its end.
#[cfg(feature = "profile")]
pub(crate) fn check_stacks() {}

/// None.
pub(crate) struct Checks {
    pub(crate) stacks: u64,
    pub(crate) from_memory: u64,
    pub(crate) mismatches: u64,
}

/// None.
pub(crate) fn checks() -> Checks {
    Checks { stacks: 0, from_memory: 0, mismatches: 0 }
}

/// Not measured: the platform's unwinder takes what it takes.
pub(crate) fn deepest_bytes() -> usize {
    0
}

/// Nothing to prepare.
pub(crate) fn prepare() {}

impl WalkSpace {
    /// Nothing is remembered.
    pub(crate) fn hand_over(&mut self) {}

    /// Nothing is remembered.
    pub(crate) fn same_site(
        &self,
        _recording: &Recording,
        _registers: Registers,
    ) -> Option<(NodeId, &'static Place)> {
        None
    }

    /// Nothing is remembered.
    pub(crate) fn recent_site(
        &self,
        _recording: &Recording,
        _registers: Registers,
        _root: Root,
    ) -> Option<(NodeId, Option<&'static Place>)> {
        None
    }

    /// Nothing is remembered.
    pub(crate) fn set_place(&mut self, _registers: Registers, _site: NodeId, _place: &'static Place) {}

    /// The site of the calling stack.
    pub(crate) fn site(
        &mut self,
        _recording: &Recording,
        _registers: Registers,
        _bounds: Bounds,
        root: Root,
    ) -> (NodeId, End) {
        let (depth, end) = self.walk();
        let start = match end {
            End::Complete => root.node(),
            End::TooDeep => root.mark(Mark::TooDeep),
            End::Lost => root.mark(Mark::Lost),
        };
        let mut stack = self.frames.get(..depth).unwrap_or_default().iter().rev();
        let site = stack.try_fold(start, |node, address| CALL_TREE.child(node, *address as u64));
        (site.unwrap_or(root.mark(Mark::TreeFull)), end)
    }

    /// Writes the return addresses of the calling stack, leaf first, and says how many.
    #[cfg(feature = "profile")]
    fn walk(&mut self) -> (usize, End) {
        let (mut depth, mut end) = (0_usize, End::Complete);
        // SAFETY: the unsynchronised form may not run together with itself where the platform's symbol
        // handler is not thread-safe, which concerns Windows alone; tracing touches no shared state here.
        unsafe {
            backtrace::trace_unsynchronized(|frame| {
                let Some(slot) = self.frames.get_mut(depth) else {
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
        (depth, if depth == 0 { End::Lost } else { end })
    }

    /// Without the `backtrace` crate there is no stack: everything is booked on the mark for lost ones.
    #[cfg(not(feature = "profile"))]
    fn walk(&mut self) -> (usize, End) {
        (0, End::Lost)
    }
}
