//! Leaf ends of recent walks. A program comes again and again to the same few places through the same
//! outer frames: then the frames below the joint need not be walked anew either, if the walk begins with
//! the same registers and all that it read is the same.
//!
//! ```text
//!    root                          joint                     leaf
//!    [remembered frames ............ ]                       registers: the key
//!                                     \__ the tail's words __/
//! ```
//!
//! Broken by: `tests/differential_walk.rs`.

use super::walk::{Beginning, Registers};
use crate::hot::call_tree::NodeId;
use crate::hot::thread_sites::Place;

const TAIL_BITS: u32 = 7;
/// Longer tails are not kept.
pub(crate) const TAIL_WORDS: usize = 8;

/// The tails of one thread.
#[repr(C)]
pub(crate) struct Tails {
    tails: [Tail; 1 << TAIL_BITS],
    own_frames: [OwnFrame; 1 << OWN_FRAME_BITS],
    latest: usize,
}

/// The hook has a handful of functions that walks begin in.
const OWN_FRAME_BITS: u32 = 3;

/// Where walks begin, and how far above the stack pointer the return address then is.
#[derive(Clone, Copy)]
struct OwnFrame {
    instruction: usize,
    slot_offset: usize,
}

/// A word of the stack, and what was in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    pub(crate) address: usize,
    pub(crate) value: usize,
}

/// The leaf end of a walk. With a zeroed beginning it is none.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Tail {
    pub(crate) beginning: Beginning,
    /// Where the thread counts for the site in exact mode, once the recorder has said so.
    pub(crate) place: Option<&'static Place>,
    /// The slot of the frame that the tail joins.
    pub(crate) joint_slot: usize,
    /// The frame pointer there, if the frames further up need it.
    pub(crate) joint_frame_pointer: Option<usize>,
    pub(crate) joint_node: NodeId,
    /// How many frames there are from the joint on.
    pub(crate) joint_len: u16,
    pub(crate) word_count: u16,
    pub(crate) site: NodeId,
    pub(crate) words: [Word; TAIL_WORDS],
}

impl Tails {
    /// The tail of a walk that begins with these registers, if it may be one that is kept.
    #[inline(always)]
    pub(crate) fn get(&self, registers: Registers) -> Option<&Tail> {
        let own = self.own_frames.get(own_index(registers))?;
        if own.instruction != registers.instruction() {
            return None;
        }
        let slot = registers.stack_pointer().wrapping_add(own.slot_offset);
        // SAFETY: at this instruction the function that the walk begins in, one of the hook's that has
        // not returned yet, has its return address so far above the stack pointer: a walk has found it
        // there, and none of these functions moves the stack pointer between its first and last lines.
        let caller = unsafe { core::ptr::with_exposed_provenance::<usize>(slot).read_volatile() };
        self.tails.get(index(registers, caller))
    }

    /// Where the tail of a walk that begins with these registers is to be kept, whose first step is
    /// known.
    #[inline(always)]
    pub(crate) fn place_for(
        &mut self,
        registers: Registers,
        slot: usize,
        caller: usize,
    ) -> Option<&mut Tail> {
        let own = self.own_frames.get_mut(own_index(registers))?;
        let slot_offset = slot.wrapping_sub(registers.stack_pointer());
        *own = OwnFrame { instruction: registers.instruction(), slot_offset };
        self.latest = index(registers, caller);
        self.latest_mut()
    }

    /// The tail that was last given a place.
    #[inline(always)]
    pub(crate) fn latest_mut(&mut self) -> Option<&mut Tail> {
        self.tails.get_mut(self.latest)
    }
}

impl Tail {
    /// The words that the walk read below the joint.
    #[inline(always)]
    pub(crate) fn words(&self) -> &[Word] {
        self.words.get(..usize::from(self.word_count)).unwrap_or_default()
    }
}

#[inline(always)]
fn index(registers: Registers, caller: usize) -> usize {
    let mixed = (registers.stack_pointer() as u64).wrapping_add((caller as u64).rotate_left(20));
    (mixed.wrapping_mul(GOLDEN) >> 64_u32.wrapping_sub(TAIL_BITS)) as usize
}

#[inline(always)]
fn own_index(registers: Registers) -> usize {
    ((registers.instruction() as u64).wrapping_mul(GOLDEN) >> 64_u32.wrapping_sub(OWN_FRAME_BITS)) as usize
}

/// 2^64 divided by the golden ratio, for multiplicative hashing (Knuth, TAOCP 3, 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
