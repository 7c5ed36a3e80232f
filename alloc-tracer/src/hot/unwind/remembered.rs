//! What a thread remembers of its last walk: for each frame the slot of its return address, the address,
//! and the call-tree node; and every word that the walk read besides.
//!
//! ```text
//!    root                                                              leaf
//!    [slot|address|node] [slot|address|node] ... [slot|address|node]  ~ ~ ~   new frames: walked,
//!     \__________ re-read and compared ____________/ ^ first match              then remembered
//! ```
//!
//! An unwinder is a function of the registers and of the words it reads. So if a walk comes to a state
//! that is remembered, and all words that the rest of the remembered walk read are the same, the rest of
//! the stack is the same. The state is a slot with its return address, and the frame pointer if a later
//! step uses it before it is loaded anew; the words are the return addresses further up, and those that
//! a frame pointer was loaded from that a later step used.
//!
//! Broken by: `tests/differential_walk.rs`, which walks every stack both ways.

use super::MAX_DEPTH;
use super::tails::{Tail, Tails, Word};
use super::walk::{Beginning, Registers, Step};
use crate::hot::call_tree::{NodeId, Root};
use crate::hot::thread_sites::Place;

/// A remembered stack, the outermost frame first.
#[repr(C)]
pub(crate) struct Remembered {
    root: u32,
    len: u32,
    leaf: Leaf,
    frames: [Frame; MAX_DEPTH],
    /// Every word that the walk read and that what it found depends on, from the root to the leaf.
    reads: [Word; MAX_READS],
    tails: Tails,
}

/// A return address for each frame, and a saved frame pointer for some.
const MAX_READS: usize = 2 * MAX_DEPTH;

/// Where the walk began. One that begins the same takes the same steps if the words that they read are
/// the same.
#[derive(Clone, Copy)]
struct Leaf {
    beginning: Beginning,
    /// Where the thread counts for the site in exact mode, once the recorder has said so; never if
    /// not all frames of the walk are remembered.
    place: Option<&'static Place>,
    site: NodeId,
    /// How many of the words the whole walk read.
    reads: u16,
    /// Whether all frames of the walk are remembered.
    is_known: bool,
}

/// What is known of a frame: the return address into it, where that was, and what the steps from here on
/// depend on.
#[derive(Debug, Clone, Copy)]
struct Frame {
    slot: usize,
    return_address: usize,
    /// The frame pointer that the steps from here on need, if `needs_frame_pointer`.
    frame_pointer: usize,
    node: NodeId,
    /// How many of the words the steps from here on read, the slot included.
    reads: u16,
    needs_frame_pointer: bool,
}

/// Where new frames join remembered ones: what the frames from there on are known by.
#[derive(Clone, Copy)]
pub(crate) struct Joint {
    node: NodeId,
    len: usize,
    reads: usize,
    /// The frame pointer that the steps from the joint on need.
    needed: Option<usize>,
}

impl Joint {
    /// How many remembered frames are beyond the joint.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Remembered {
    /// Makes the next walk remembered under this root, and forgets what was remembered under another.
    pub(crate) fn start_under(&mut self, root: Root) {
        if self.root != root as u32 {
            self.root = root as u32;
            self.len = 0;
        }
        self.forget_leaf();
    }

    fn forget_leaf(&mut self) {
        self.leaf.is_known = false;
        self.leaf.place = None;
    }

    /// How many frames are remembered.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Forgets all.
    pub(crate) fn forget(&mut self) {
        self.len = 0;
        self.forget_leaf();
    }

    /// The site of the last walk, with the place that [`set_place`](Self::set_place) named, if a walk that
    /// begins with these registers would read the same.
    #[inline(always)]
    pub(crate) fn same_site(&self, registers: Registers) -> Option<(NodeId, &'static Place)> {
        let place = self.leaf.place?;
        if self.would_read_the_same(registers) { Some((self.leaf.site, place)) } else { None }
    }

    /// The site of a recent walk under this root that began with these registers, with its place if it is
    /// known, if a walk would read the same now.
    #[inline(always)]
    pub(crate) fn recent_site(
        &self,
        registers: Registers,
        root: Root,
    ) -> Option<(NodeId, Option<&'static Place>)> {
        if self.root != root as u32 {
            return None;
        }
        let tail = self.tails.of(registers).iter().find(|tail| self.would_repeat(tail, registers))?;
        Some((tail.site, tail.place))
    }

    #[inline(always)]
    fn would_repeat(&self, tail: &Tail, registers: Registers) -> bool {
        let joint = usize::from(tail.joint_len);
        if !tail.beginning.is_at(registers) || joint > self.len() {
            return false;
        }
        let Some(frame) = joint.checked_sub(1).and_then(|last| self.frames.get(last)) else { return false };
        let joins = frame.slot == tail.joint_slot
            && frame.node == tail.joint_node
            && (!frame.needs_frame_pointer
                || (tail.needed_frame_pointer && tail.joint_frame_pointer == frame.frame_pointer));
        // The stack pointer is where it was on the thread's own stack, so all words are above it.
        joins && all_same(tail.words()) && self.reads_are_same(frame.reads)
    }

    /// As [`same_site`](Self::same_site), whether it has a place or not.
    #[cold]
    pub(crate) fn same_site_again(&self, registers: Registers) -> Option<NodeId> {
        let same = self.leaf.is_known && self.would_read_the_same(registers);
        same.then_some(self.leaf.site)
    }

    #[inline(always)]
    fn would_read_the_same(&self, registers: Registers) -> bool {
        // The stack pointer is where it was on the thread's own stack, so all words are above it.
        self.leaf.beginning.is_at(registers) && self.reads_are_same(self.leaf.reads)
    }

    /// Says where the thread counts for a site, which is under the root of exact mode and was found by a
    /// walk from these registers, or by memory of one.
    pub(crate) fn set_place(&mut self, registers: Registers, site: NodeId, place: &'static Place) {
        if self.leaf.is_known && self.leaf.site == site {
            self.leaf.place = Some(place);
        }
        for tail in self.tails.of_mut(registers) {
            if tail.site == site && tail.beginning.is_at(registers) {
                tail.place = Some(place);
            }
        }
    }

    /// The joint at the frame that a step has just come to, if it is remembered and the rest of the
    /// stack is the same. `len` is how many frames may still be good: all are before, fewer after.
    #[inline(always)]
    pub(crate) fn joint_at(&self, step: &Step, frame_pointer: usize, len: &mut usize) -> Option<Joint> {
        let (frame, last) = loop {
            let last = len.checked_sub(1)?;
            let frame = self.frames.get(last)?;
            if frame.slot >= step.slot {
                break (frame, last);
            }
            // A frame below this one has returned since.
            *len = last;
        };
        if frame.slot != step.slot {
            return None;
        }
        let is_state = frame.return_address == step.return_address
            && (!frame.needs_frame_pointer || frame.frame_pointer == frame_pointer);
        if !is_state {
            *len = last;
            return None;
        }
        // The walk has just read this slot, so it is on the thread's stack; the other words are further up.
        if self.reads_are_same(frame.reads) {
            let needed = if frame.needs_frame_pointer { Some(frame.frame_pointer) } else { None };
            return Some(Joint { node: frame.node, len: *len, reads: usize::from(frame.reads), needed });
        }
        *len = self.first_changed(*len);
        None
    }

    /// The joint at the root, where the walk ended; `zero` is the slot whose return address is zero, if
    /// that was why.
    pub(crate) fn joint_at_root(&mut self, root: Root, zero: Option<usize>) -> Joint {
        let mut reads = 0;
        if let (Some(address), [first, ..]) = (zero, &mut self.reads) {
            *first = Word { address, value: 0 };
            reads = 1;
        }
        Joint { node: root.node(), len: 0, reads, needed: None }
    }

    /// Remembers the steps below a joint, with the nodes that `intern` finds for them. `steps` are leaf
    /// first; the last one came to the joint. What is beyond a step that is not repeatable is not remembered.
    /// `None` if `intern` has no node.
    #[inline(always)]
    pub(crate) fn remember(
        &mut self,
        joint: Joint,
        steps: &[Step],
        registers: Registers,
        mut intern: impl FnMut(NodeId, usize) -> Option<NodeId>,
    ) -> Option<NodeId> {
        let Joint { mut node, mut len, mut reads, mut needed } = joint;
        let (mut onward, below) = steps.split_last()?;
        let mut is_known = true;
        for step in below.iter().rev() {
            node = intern(node, step.return_address)?;
            // `onward` is the step from this frame to its caller.
            is_known &= self.note_frame_pointer(onward, &mut needed, &mut reads);
            let slot = Word { address: step.slot, value: step.return_address };
            is_known &= self.note_read(slot, &mut reads) && onward.is_repeatable && step.slot != 0;
            if is_known && let Some(frame) = self.frames.get_mut(len) {
                *frame = Frame {
                    slot: step.slot,
                    return_address: step.return_address,
                    frame_pointer: needed.unwrap_or(0),
                    node,
                    reads: reads as u16,
                    needs_frame_pointer: needed.is_some(),
                };
                len = len.wrapping_add(1);
            }
            onward = step;
        }
        is_known &= self.note_frame_pointer(onward, &mut needed, &mut reads) && onward.is_repeatable;
        self.len = len as u32;
        let beginning = registers.beginning(needed);
        self.leaf = Leaf { beginning, place: None, site: node, reads: reads as u16, is_known };
        if is_known {
            self.keep_tail(joint, reads, registers, steps);
        }
        Some(node)
    }

    /// Keeps the leaf end of the walk that was just remembered, from the joint on to `reads` words. Not
    /// inlined: making room in a set takes stack, which a walk further down would be short of.
    #[inline(never)]
    fn keep_tail(&mut self, joint: Joint, reads: usize, registers: Registers, steps: &[Step]) {
        let Leaf { beginning, site, .. } = self.leaf;
        let new_words = self.reads.get(joint.reads..reads).unwrap_or_default();
        let joint_frame = joint.len.checked_sub(1).and_then(|last| self.frames.get(last));
        if let (Some(first), Some(frame)) = (steps.first(), joint_frame)
            && let Some(tail) = self.tails.place_for(registers, first.slot, first.return_address)
            && let Some(words) = tail.words.get_mut(..new_words.len())
        {
            words.copy_from_slice(new_words);
            tail.beginning = beginning;
            tail.place = None;
            tail.joint_slot = frame.slot;
            tail.joint_frame_pointer = joint.needed.unwrap_or(0);
            tail.needed_frame_pointer = joint.needed.is_some();
            tail.joint_node = joint.node;
            tail.joint_len = joint.len as u16;
            tail.word_count = new_words.len() as u16;
            tail.site = site;
        }
    }

    /// Adds the word that a step loaded the frame pointer from, if later steps need it, and makes `needed`
    /// what is needed before the step. `false` if there is no room: then what lies below the step
    /// cannot be remembered.
    #[inline(always)]
    fn note_frame_pointer(&mut self, step: &Step, needed: &mut Option<usize>, reads: &mut usize) -> bool {
        let is_loaded = step.frame_pointer_from != 0;
        let mut is_noted = true;
        if is_loaded && let Some(value) = *needed {
            is_noted = self.note_read(Word { address: step.frame_pointer_from, value }, reads);
        }
        if step.used_frame_pointer {
            *needed = Some(step.frame_pointer);
        } else if is_loaded {
            *needed = None;
        }
        is_noted
    }

    #[inline(always)]
    fn note_read(&mut self, read: Word, reads: &mut usize) -> bool {
        match self.reads.get_mut(*reads) {
            Some(word) => *word = read,
            None => return false,
        }
        *reads = reads.wrapping_add(1);
        true
    }

    /// Whether the first so many words hold what they held.
    #[inline(always)]
    fn reads_are_same(&self, count: u16) -> bool {
        all_same(self.reads.get(..usize::from(count)).unwrap_or_default())
    }

    /// How many of the outermost `len` frames are the same as far as their slots go; 0 if all are,
    /// because then another word differs.
    #[cold]
    fn first_changed(&self, len: usize) -> usize {
        let frames = self.frames.get(..len).unwrap_or_default();
        frames.iter().position(|frame| read(frame.slot) != frame.return_address).unwrap_or(0)
    }
}

/// Whether all words hold what they held. Four at a time without a branch in between: most do.
#[inline(never)]
fn all_same(words: &[Word]) -> bool {
    let difference = |word: &Word| read(word.address) ^ word.value;
    let same = |[a, b, c, d]: &[Word; 4]| difference(a) | difference(b) | difference(c) | difference(d) == 0;
    let Some(last_four) = words.last_chunk::<4>() else {
        return words.iter().all(|word| difference(word) == 0);
    };
    // The last four once more where their number is not a multiple of four.
    words.as_chunks::<4>().0.iter().all(same) && (words.len().is_multiple_of(4) || same(last_four))
}

#[inline(always)]
fn read(address: usize) -> usize {
    // SAFETY: callers pass addresses between a slot that is known to be on the thread's own stack, above
    // its stack pointer, and the end of that stack; all of it is mapped, readable and this thread's.
    unsafe { core::ptr::with_exposed_provenance::<usize>(address).read_volatile() }
}
