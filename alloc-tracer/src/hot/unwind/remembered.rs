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
use super::walk::{Registers, Step};
use crate::hot::call_tree::{NodeId, Root};
use crate::hot::thread_sites::Place;

/// A remembered stack, the outermost frame first.
#[repr(C)]
pub(crate) struct Remembered {
    root: u32,
    len: u32,
    leaf: Leaf,
    /// Slots with their return addresses.
    frames: [Word; MAX_DEPTH],
    states: [State; MAX_DEPTH],
    /// What frame pointers were loaded from, where a later step used them.
    words: [Word; MAX_DEPTH],
}

/// Where the walk began. One that begins with the same registers takes the same steps if the words that
/// they read are the same.
#[derive(Clone, Copy)]
struct Leaf {
    registers: Registers,
    /// Where the thread counts for the site in exact mode, once the recorder has said so; never if
    /// not all frames of the walk are remembered.
    place: Option<&'static Place>,
    site: NodeId,
    /// How many of the words the whole walk read.
    words: u16,
    /// Whether all frames of the walk are remembered.
    is_known: bool,
}

/// A word of the stack, and what was in it.
#[derive(Debug, Clone, Copy)]
struct Word {
    address: usize,
    value: usize,
}

/// What else is known at a frame.
#[derive(Debug, Clone, Copy)]
struct State {
    /// The frame pointer that the steps from here on need, if `needs_frame_pointer`.
    frame_pointer: usize,
    node: NodeId,
    /// How many of the words the steps from here on read.
    words: u16,
    needs_frame_pointer: bool,
}

/// Where new frames join remembered ones: what the frames from there on are known by.
#[derive(Clone, Copy)]
pub(crate) struct Joint {
    node: NodeId,
    len: usize,
    words: usize,
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

    /// As [`same_site`](Self::same_site), whether it has a place or not.
    #[cold]
    pub(crate) fn same_site_again(&self, registers: Registers) -> Option<NodeId> {
        let same = self.leaf.is_known && self.would_read_the_same(registers);
        same.then_some(self.leaf.site)
    }

    #[inline(always)]
    fn would_read_the_same(&self, registers: Registers) -> bool {
        // The stack pointer is where it was on the thread's own stack, so all words are above it.
        registers == self.leaf.registers && self.is_same(self.len as usize, self.leaf.words)
    }

    /// Says where the thread counts for the site of the last walk, which was under the root of exact mode.
    pub(crate) fn set_place(&mut self, place: &'static Place) {
        if self.leaf.is_known {
            self.leaf.place = Some(place);
        }
    }

    /// The joint at the frame that a step has just come to, if it is remembered and the rest of the
    /// stack is the same. `len` is how many frames may still be good: all are before, fewer after.
    #[inline(always)]
    pub(crate) fn joint_at(&self, step: &Step, frame_pointer: usize, len: &mut usize) -> Option<Joint> {
        let (frame, last) = loop {
            let last = len.checked_sub(1)?;
            let frame = self.frames.get(last)?;
            if frame.address >= step.slot {
                break (frame, last);
            }
            // A frame below this one has returned since.
            *len = last;
        };
        if frame.address != step.slot {
            return None;
        }
        let state = self.states.get(last)?;
        let is_state = frame.value == step.return_address
            && (!state.needs_frame_pointer || state.frame_pointer == frame_pointer);
        // The walk has just read this slot, so it is on the thread's stack; the others are further up.
        if is_state && self.is_same(*len, state.words) {
            let needed = if state.needs_frame_pointer { Some(state.frame_pointer) } else { None };
            return Some(Joint { node: state.node, len: *len, words: usize::from(state.words), needed });
        }
        *len = if is_state { self.first_changed(*len) } else { last };
        None
    }

    /// The joint at the root, where the walk ended; `zero` is the slot whose return address is zero, if
    /// that was why.
    pub(crate) fn joint_at_root(&mut self, root: Root, zero: Option<usize>) -> Joint {
        let mut words = 0;
        if let (Some(address), [first, ..]) = (zero, &mut self.words) {
            *first = Word { address, value: 0 };
            words = 1;
        }
        Joint { node: root.node(), len: 0, words, needed: None }
    }

    /// Remembers the steps below a joint, with the nodes that `intern` finds for them. `steps` are leaf
    /// first; the last one came to the joint. `None` if `intern` has no node.
    #[inline(always)]
    pub(crate) fn remember(
        &mut self,
        joint: Joint,
        steps: &[Step],
        registers: Registers,
        mut intern: impl FnMut(NodeId, usize) -> Option<NodeId>,
    ) -> Option<NodeId> {
        let Joint { mut node, mut len, mut words, mut needed } = joint;
        let (mut onward, below) = steps.split_last()?;
        // A step whose reads are not all known is not repeated from memory.
        let mut is_known = steps.iter().all(Step::is_repeatable);
        for step in below.iter().rev() {
            node = intern(node, step.return_address)?;
            // `onward` is the step from this frame to its caller.
            is_known &= self.note_frame_pointer(onward, &mut needed, &mut words);
            if is_known
                && let (Some(frame), Some(state)) = (self.frames.get_mut(len), self.states.get_mut(len))
            {
                *frame = Word { address: step.slot, value: step.return_address };
                *state = State {
                    frame_pointer: needed.unwrap_or(0),
                    node,
                    words: words as u16,
                    needs_frame_pointer: needed.is_some(),
                };
                len = len.wrapping_add(1);
            }
            onward = step;
        }
        is_known &= self.note_frame_pointer(onward, &mut needed, &mut words);
        self.len = len as u32;
        self.leaf = Leaf { registers, place: None, site: node, words: words as u16, is_known };
        Some(node)
    }

    /// Adds the word that a step loaded the frame pointer from, if later steps need it, and makes `needed`
    /// what is needed before the step. `false` if there is no room: then what lies below the step
    /// cannot be remembered.
    #[inline(always)]
    fn note_frame_pointer(&mut self, step: &Step, needed: &mut Option<usize>, words: &mut usize) -> bool {
        let is_loaded = step.frame_pointer_from != 0;
        if is_loaded && let Some(value) = *needed {
            match self.words.get_mut(*words) {
                Some(word) => *word = Word { address: step.frame_pointer_from, value },
                None => return false,
            }
            *words = words.wrapping_add(1);
        }
        if step.used_frame_pointer {
            *needed = Some(step.frame_pointer);
        } else if is_loaded {
            *needed = None;
        }
        true
    }

    /// Whether the outermost `len` slots, and the first so many other words, hold what they held.
    #[inline(always)]
    fn is_same(&self, len: usize, words: u16) -> bool {
        let frames = self.frames.get(..len).unwrap_or_default();
        let words = self.words.get(..usize::from(words)).unwrap_or_default();
        all_same(frames) && all_same(words)
    }

    /// How many of the outermost `len` frames are the same; 0 if all are, because then a word differs.
    #[cold]
    fn first_changed(&self, len: usize) -> usize {
        let frames = self.frames.get(..len).unwrap_or_default();
        frames.iter().position(|frame| read(frame.address) != frame.value).unwrap_or(0)
    }
}

/// Whether all words hold what they held. Four at a time without a branch in between: most do.
#[inline(always)]
fn all_same(words: &[Word]) -> bool {
    let difference = |word: &Word| read(word.address) ^ word.value;
    let (fours, rest) = words.as_chunks::<4>();
    let four_differ =
        |[a, b, c, d]: &[Word; 4]| difference(a) | difference(b) | difference(c) | difference(d) != 0;
    !fours.iter().any(four_differ) && !rest.iter().any(|word| difference(word) != 0)
}

#[inline(always)]
fn read(address: usize) -> usize {
    // SAFETY: callers pass addresses between a slot that is known to be on the thread's own stack, above
    // its stack pointer, and the end of that stack; all of it is mapped, readable and this thread's.
    unsafe { core::ptr::with_exposed_provenance::<usize>(address).read_volatile() }
}
