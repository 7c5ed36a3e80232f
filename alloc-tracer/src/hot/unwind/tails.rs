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

const SET_BITS: u32 = 7;
/// Calls from different places through the same inner functions share a set.
const WAYS: usize = 2;
/// Longer tails are not kept.
const TAIL_WORDS: usize = 8;

/// The tails of one thread: 64 KiB, of which only used pages take up memory.
#[repr(C)]
pub(crate) struct Tails {
    sets: [[Tail; WAYS]; 1 << SET_BITS],
    own_frames: [OwnFrame; 1 << OWN_FRAME_BITS],
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
    /// The frame pointer there, if the frames further up needed it.
    pub(crate) joint_frame_pointer: usize,
    pub(crate) needed_frame_pointer: bool,
    pub(crate) joint_node: NodeId,
    /// How many frames there are from the joint on.
    pub(crate) joint_len: u16,
    pub(crate) word_count: u16,
    pub(crate) site: NodeId,
    pub(crate) words: [Word; TAIL_WORDS],
}

impl Tails {
    /// The tails of walks that began with these registers are among these.
    #[inline(always)]
    pub(crate) fn of(&self, registers: Registers) -> &[Tail] {
        self.set_of(registers).and_then(|set| self.sets.get(set)).map_or(&[], |set| set)
    }

    /// As [`of`](Self::of), to change them.
    pub(crate) fn of_mut(&mut self, registers: Registers) -> &mut [Tail] {
        self.set_of(registers).and_then(|set| self.sets.get_mut(set)).map_or(&mut [], |set| set)
    }

    #[inline(always)]
    fn set_of(&self, registers: Registers) -> Option<usize> {
        let own = self.own_frames.get(own_index(registers))?;
        if own.instruction != registers.instruction() {
            return None;
        }
        let slot = registers.stack_pointer().wrapping_add(own.slot_offset);
        // SAFETY: at this instruction the function that the walk begins in, one of the hook's that has
        // not returned yet, has its return address so far above the stack pointer: a walk has found it
        // there, and none of these functions moves the stack pointer between its first and last lines.
        let caller = unsafe { core::ptr::with_exposed_provenance::<usize>(slot).read_volatile() };
        Some(index(registers, caller))
    }

    /// Where the tail of a walk that begins with these registers is to be kept, whose first step is
    /// known. The older ones of the set move, and the oldest makes room.
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
        let set = self.sets.get_mut(index(registers, caller))?;
        set.rotate_right(1);
        set.first_mut()
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
    (mixed.wrapping_mul(GOLDEN) >> 64_u32.wrapping_sub(SET_BITS)) as usize
}

#[inline(always)]
fn own_index(registers: Registers) -> usize {
    ((registers.instruction() as u64).wrapping_mul(GOLDEN) >> 64_u32.wrapping_sub(OWN_FRAME_BITS)) as usize
}

/// 2^64 divided by the golden ratio, for multiplicative hashing (Knuth, TAOCP 3, 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
