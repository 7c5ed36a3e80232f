//! The differential walk. A thread remembers the stack of its last walk: for each frame the slot of its
//! return address, the address, and the call-tree node. The next walk goes up only until it meets a
//! slot that is remembered with the same return address. From there on the stack is the same if every
//! word that the deeper steps read is the same, because a step is a function of the registers and the
//! words it reads. Those words are read again and compared; then the node is known.
//!
//! ```text
//!    root                                                              leaf
//!    [slot|address|node] [slot|address|node] ... [slot|address|node]  ~ ~ ~   new frames: walked,
//!     \__________ re-read and compared ____________/ ^ first match              then remembered
//! ```
//!
//! The frame pointer is one of the registers: a frame is remembered with the value that the deeper steps
//! need it to have (if any uses it before it is loaded anew), and with the words it is loaded from.
//!
//! Broken by: the tests below, and `tests/differential_walk.rs`, which walks every stack both ways.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::walk::{Cursor, Registers, Step, Stop, TableSpace};
use super::{End, MAX_DEPTH};
use crate::hot::call_tree::{CALL_TREE, Mark, NodeId, Root};
use crate::hot::guard::Recording;
use crate::sys::stack::Bounds;

static CHECKS_STACKS: AtomicBool = AtomicBool::new(false);
static MISMATCHES: AtomicU64 = AtomicU64::new(0);

/// From now on every stack is walked to its end as well, and the two results are compared.
#[cfg(feature = "profile")]
pub(crate) fn check_stacks() {
    CHECKS_STACKS.store(true, Relaxed);
}

/// How often the two results differed.
pub(crate) fn mismatches() -> u64 {
    MISMATCHES.load(Relaxed)
}

/// A thread's memory of its last walk, and room for the next one.
#[repr(C)]
pub(crate) struct WalkSpace {
    root: u32,
    len: u32,
    entries: [Entry; MAX_DEPTH],
    words: [Word; MAX_DEPTH],
    steps: [Step; MAX_DEPTH],
    step_count: usize,
    tables: TableSpace,
}

/// How many frames of a stack that is too deep are kept, at the leaf's side.
const KEPT_OF_TOO_DEEP: usize = 64;

/// A remembered frame. The outermost is the first.
#[derive(Debug, Clone, Copy)]
struct Entry {
    slot: usize,
    return_address: usize,
    /// The frame pointer that the steps from here on need, if `needs_frame_pointer`.
    frame_pointer: usize,
    node: NodeId,
    /// How many of the words belong to the steps from here on.
    words: u16,
    needs_frame_pointer: bool,
}

/// A word of the stack that a step loaded the frame pointer from.
#[derive(Debug, Clone, Copy)]
struct Word {
    address: usize,
    value: usize,
}

/// What is known at the frame where new frames join the remembered ones.
#[derive(Clone, Copy)]
struct Joint {
    node: NodeId,
    len: usize,
    words: usize,
    /// The frame pointer that the steps from the joint on need.
    needed: Option<usize>,
}

impl WalkSpace {
    /// Makes the space ready for a thread, and forgets what an earlier one walked.
    pub(crate) fn hand_over(&mut self) {
        self.len = 0;
        self.tables.make_ready();
    }

    /// The site of the stack that `registers` were read on.
    pub(crate) fn site(
        &mut self,
        recording: &Recording,
        registers: Registers,
        bounds: Bounds,
        root: Root,
    ) -> (NodeId, End) {
        let found = self.differential_site(recording, registers, bounds, root);
        if CHECKS_STACKS.load(Relaxed) {
            let end = self.walk_to_end(registers, bounds);
            let walked = (self.intern_all(root, end), end);
            if walked != found {
                MISMATCHES.fetch_add(1, Relaxed);
            }
            return walked;
        }
        found
    }

    #[inline(always)]
    fn differential_site(
        &mut self,
        recording: &Recording,
        registers: Registers,
        bounds: Bounds,
        root: Root,
    ) -> (NodeId, End) {
        if !bounds.contain(registers.stack_pointer()) {
            // Another stack than the thread's own: nothing is known about its end.
            let end = self.walk_plainly(recording, registers, bounds);
            return (self.intern_all(root, end), end);
        }
        if self.root != root as u32 {
            self.root = root as u32;
            self.len = 0;
        }
        let mut cursor = Cursor::new(registers, bounds, &mut self.tables);
        let mut depth = 0_usize;
        let mut len = self.len as usize;
        let mut reusable = true;
        let joint = loop {
            let Some(place) = self.steps.get_mut(depth) else {
                self.len = 0;
                self.step_count = depth;
                return (self.intern_all(root, End::TooDeep), End::TooDeep);
            };
            let step = match cursor.step() {
                Ok(step) => step,
                Err(stop) => {
                    let zero = match stop {
                        Stop::Outermost => Step::default(),
                        Stop::Zero(step) => step,
                        Stop::Lost => {
                            self.len = 0;
                            self.step_count = depth;
                            return (self.intern_all(root, End::Lost), End::Lost);
                        }
                    };
                    *place = zero;
                    let mut words = 0;
                    if let (true, [first, ..]) = (zero.slot != 0, &mut self.words) {
                        *first = Word { address: zero.slot, value: 0 };
                        words = 1;
                    }
                    break Joint { node: root.node(), len: 0, words, needed: None };
                }
            };
            *place = step;
            reusable &= step.slot != 0;
            // Frames below this one have returned since.
            while let Some(entry) = len.checked_sub(1).and_then(|last| self.entries.get(last)) {
                if entry.slot >= step.slot {
                    break;
                }
                len = len.wrapping_sub(1);
            }
            if let Some(entry) = len.checked_sub(1).and_then(|last| self.entries.get(last))
                && entry.slot == step.slot
            {
                let same = entry.return_address == step.return_address
                    && (!entry.needs_frame_pointer || entry.frame_pointer == cursor.frame_pointer());
                let Entry { node, words, frame_pointer, needs_frame_pointer, .. } = *entry;
                match if same {
                    unchanged(&self.entries, &self.words, len, words, bounds)
                } else {
                    Err(len.wrapping_sub(1))
                } {
                    Ok(()) => {
                        let needed = if needs_frame_pointer { Some(frame_pointer) } else { None };
                        break Joint { node, len, words: usize::from(words), needed };
                    }
                    Err(still_good) => len = still_good,
                }
            }
            depth = depth.wrapping_add(1);
        };
        if joint.len.wrapping_add(depth) > MAX_DEPTH {
            // The whole stack is deeper than what is kept, although its changed part is not.
            let end = self.walk_plainly(recording, registers, bounds);
            return (self.intern_all(root, end), end);
        }
        match self.join(joint, depth, reusable) {
            Some(site) => (site, End::Complete),
            None => {
                self.len = 0;
                (root.mark(Mark::TreeFull), End::Complete)
            }
        }
    }

    /// Interns the steps below the joint, the outermost first, and remembers them. `depth` is the index
    /// of the step that reached the joint.
    fn join(&mut self, joint: Joint, depth: usize, mut reusable: bool) -> Option<NodeId> {
        let Joint { mut node, mut len, mut words, mut needed } = joint;
        let (below, reached) = (self.steps.get(..depth)?, self.steps.get(depth)?);
        let mut onward = reached;
        for step in below.iter().rev() {
            node = CALL_TREE.child(node, step.return_address as u64)?;
            // `onward` is the step from this frame to its caller. Nothing is remembered that went by a rule
            // which may be another one next time.
            reusable &= !onward.passing;
            if onward.frame_pointer_from != 0
                && let Some(value) = needed
            {
                match self.words.get_mut(words) {
                    Some(word) => *word = Word { address: onward.frame_pointer_from, value },
                    // Without room for what it depends on, the rest of the stack is not remembered.
                    None => reusable = false,
                }
                words = words.wrapping_add(1);
            }
            needed = match (onward.used_frame_pointer, onward.frame_pointer_from != 0) {
                (true, _) => Some(onward.frame_pointer),
                (false, true) => None,
                (false, false) => needed,
            };
            if reusable && let Some(entry) = self.entries.get_mut(len) {
                *entry = Entry {
                    slot: step.slot,
                    return_address: step.return_address,
                    frame_pointer: needed.unwrap_or(0),
                    node,
                    words: words as u16,
                    needs_frame_pointer: needed.is_some(),
                };
                len = len.wrapping_add(1);
            }
            onward = step;
        }
        self.len = len as u32;
        Some(node)
    }

    /// Walks to the end, whatever is remembered, and remembers nothing. The steps are kept.
    pub(crate) fn walk_plainly(
        &mut self,
        _recording: &Recording,
        registers: Registers,
        bounds: Bounds,
    ) -> End {
        self.len = 0;
        self.walk_to_end(registers, bounds)
    }

    fn walk_to_end(&mut self, registers: Registers, bounds: Bounds) -> End {
        self.step_count = 0;
        let mut cursor = Cursor::new(registers, bounds, &mut self.tables);
        loop {
            let Some(place) = self.steps.get_mut(self.step_count) else { return End::TooDeep };
            match cursor.step() {
                Ok(step) => *place = step,
                Err(Stop::Outermost | Stop::Zero(_)) => return End::Complete,
                Err(Stop::Lost) => return End::Lost,
            }
            self.step_count = self.step_count.wrapping_add(1);
        }
    }

    /// The return addresses of the last plain walk, leaf first.
    pub(crate) fn return_addresses(&self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator {
        self.steps.iter().take(self.step_count).map(|step| step.return_address)
    }

    fn intern_all(&self, root: Root, end: End) -> NodeId {
        let start = match end {
            End::Complete => root.node(),
            End::TooDeep => root.mark(Mark::TooDeep),
            End::Lost => root.mark(Mark::Lost),
        };
        // Stacks that are cut at the root's side share no nodes: of deep recursion only the innermost
        // frames are kept, or every allocation could add a whole stack to the tree.
        let kept = if end == End::TooDeep { KEPT_OF_TOO_DEEP } else { MAX_DEPTH };
        let mut addresses = self.return_addresses().take(kept).rev();
        let site = addresses.try_fold(start, |node, address| CALL_TREE.child(node, address as u64));
        site.unwrap_or(root.mark(Mark::TreeFull))
    }
}

/// Reads again what the steps from entry `len - 1` on depended on. If something changed, says how many
/// of the outermost entries may still be good.
#[inline(always)]
fn unchanged(
    entries: &[Entry; MAX_DEPTH],
    words: &[Word; MAX_DEPTH],
    len: usize,
    word_count: u16,
    bounds: Bounds,
) -> Result<(), usize> {
    let [outermost, ..] = entries;
    // Slots ascend towards the root, and the walk has just read the innermost one.
    if outermost.slot >= bounds.top {
        return Err(0);
    }
    let entries = entries.get(..len).unwrap_or_default();
    if let Some(changed) = entries.iter().position(|entry| read(entry.slot) != entry.return_address) {
        return Err(changed);
    }
    let words = words.get(..usize::from(word_count)).unwrap_or_default();
    match words.iter().all(|word| read(word.address) == word.value) {
        true => Ok(()),
        false => Err(0),
    }
}

#[inline(always)]
fn read(address: usize) -> usize {
    // SAFETY: callers pass slots between the innermost matched one, which the walk has just read, and
    // the end of the thread's own stack; all of it is mapped, readable and this thread's.
    unsafe { core::ptr::with_exposed_provenance::<usize>(address).read_volatile() }
}

#[cfg(test)]
#[cfg(feature = "profile")]
mod tests {
    use super::super::walk::prepare;
    use super::*;
    use crate::sys::stack;
    extern crate std;
    use std::boxed::Box;
    use std::vec::Vec;

    fn walked() -> (Vec<usize>, End) {
        prepare_once();
        let recording = Recording::enter().ok().unwrap();
        // SAFETY: zeroes are a valid `WalkSpace`: plain numbers and memory that need not be initialised.
        let mut space: Box<WalkSpace> = unsafe { Box::new_zeroed().assume_init() };
        space.hand_over();
        let end = space.walk_plainly(&recording, Registers::here(), stack::bounds());
        (space.return_addresses().collect(), end)
    }

    fn prepare_once() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(prepare);
    }

    #[inline(never)]
    fn nested(depth: u32, check: &mut dyn FnMut()) {
        match depth {
            0 => check(),
            _ => nested(depth - 1, check),
        }
        std::hint::black_box(depth);
    }

    #[test]
    fn the_walk_sees_the_frames_that_the_backtrace_crate_sees() {
        for depth in [0, 1, 10, 200] {
            nested(depth, &mut || {
                let (ours, end) = walked();
                let mut theirs = Vec::new();
                backtrace::trace(|frame| {
                    theirs.push(frame.ip() as usize);
                    true
                });
                assert_eq!(end, End::Complete);
                // It reports a null frame behind the last one.
                theirs.retain(|address| *address != 0);
                // The two begin in different functions; from the caller on they must agree.
                let common = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b).count();
                assert!(
                    common >= ours.len() - 2,
                    "{common} of {} frames agree\n{ours:x?}\n{theirs:x?}",
                    ours.len()
                );
                assert!(ours.len() as u32 >= depth);
            });
        }
    }

    #[test]
    fn a_stack_deeper_than_the_limit_keeps_its_leaf_side() {
        let deep = std::thread::Builder::new().stack_size(16 << 20).spawn(|| {
            let mut seen = (Vec::new(), End::Complete);
            nested(2000, &mut || seen = walked());
            seen
        });
        let (frames, end) = deep.unwrap().join().unwrap();
        assert_eq!((frames.len(), end), (MAX_DEPTH, End::TooDeep));
    }

    #[test]
    fn a_callback_from_c_code_keeps_the_callers_above_it() {
        extern "C" fn compare(a: *const core::ffi::c_void, b: *const core::ffi::c_void) -> i32 {
            let (_, end) = walked();
            assert_eq!(end, End::Complete);
            CALLS.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
            // SAFETY: qsort passes pointers to elements of the array below.
            unsafe { (*a.cast::<i32>()).cmp(&*b.cast::<i32>()) as i32 }
        }
        static CALLS: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);
        let mut numbers = [3_i32, 1, 2];
        // SAFETY: the array has three elements of the given size, and `compare` takes such elements.
        unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 3, 4, Some(compare)) };
        assert_eq!(numbers, [1, 2, 3]);
        assert!(CALLS.load(core::sync::atomic::Ordering::Relaxed) > 0);
    }
}
