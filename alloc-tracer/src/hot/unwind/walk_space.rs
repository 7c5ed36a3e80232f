//! The differential walk: up from the leaf only until the stack is one that is remembered. Broken by: the
//! tests below, and `tests/differential_walk.rs`, which walks every stack both ways.

use super::passing_rules::PassingRules;
use super::remembered::Remembered;
use super::walk::{Cursor, Registers, Step, Stop};
use super::{End, MAX_DEPTH};
use crate::hot::call_tree::{CALL_TREE, Mark, NodeId, Root};
use crate::hot::guard::Recording;
use crate::hot::thread_sites::Place;
use crate::sys::atomics::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::sys::stack::Bounds;

static CHECKS_STACKS: AtomicBool = AtomicBool::new(false);
static CHECKED: AtomicU64 = AtomicU64::new(0);
static CHECKED_MEMORIES: AtomicU64 = AtomicU64::new(0);
static MISMATCHES: AtomicU64 = AtomicU64::new(0);

/// From now on every stack is walked to its end as well, and the two results are compared.
#[cfg(feature = "profile")]
pub(crate) fn check_stacks() {
    CHECKS_STACKS.store(true, Relaxed);
}

/// What was checked, and found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checks {
    /// Stacks that were walked to their end to be compared.
    pub(crate) stacks: u64,
    /// How many of them memory answered for, without a walk.
    pub(crate) from_memory: u64,
    /// How often the results differed.
    pub(crate) mismatches: u64,
}

/// What was checked until now.
pub(crate) fn checks() -> Checks {
    Checks {
        stacks: CHECKED.load(Relaxed),
        from_memory: CHECKED_MEMORIES.load(Relaxed),
        mismatches: MISMATCHES.load(Relaxed),
    }
}

/// A thread's memory of its last walk, and room for the next one.
#[repr(C)]
pub(crate) struct WalkSpace {
    remembered: Remembered,
    steps: [Step; MAX_DEPTH],
    step_count: usize,
    passing: PassingRules,
}

/// How many frames of a stack that is too deep are kept, at the leaf's side.
const KEPT_OF_TOO_DEEP: usize = 64;

impl WalkSpace {
    /// Forgets what an earlier thread walked.
    pub(crate) fn hand_over(&mut self) {
        self.remembered.forget();
    }

    /// The site of the stack that `registers` were read on, if it is the last one again and
    /// [`set_place`](Self::set_place) named the place.
    #[inline(always)]
    pub(crate) fn same_site(
        &self,
        _recording: &Recording,
        registers: Registers,
    ) -> Option<(NodeId, &'static Place)> {
        self.remembered.same_site(registers)
    }

    /// The site of the stack that `registers` were read on, if it is a recent one again, with the place that
    /// [`set_place`](Self::set_place) named.
    #[inline(always)]
    pub(crate) fn recent_site(
        &self,
        _recording: &Recording,
        registers: Registers,
        root: Root,
    ) -> Option<(NodeId, Option<&'static Place>)> {
        // While stacks are checked, all go through `site`.
        if CHECKS_STACKS.load(Relaxed) { None } else { self.remembered.recent_site(registers, root) }
    }

    /// Says where the thread counts for a site that it has just found, in exact mode.
    pub(crate) fn set_place(&mut self, registers: Registers, site: NodeId, place: &'static Place) {
        // Without a place every stack goes through `site`, which compares.
        if !CHECKS_STACKS.load(Relaxed) {
            self.remembered.set_place(registers, site, place);
        }
    }

    /// The site of the stack that `registers` were read on.
    #[inline(never)]
    pub(crate) fn site(
        &mut self,
        recording: &Recording,
        registers: Registers,
        bounds: Bounds,
        root: Root,
    ) -> (NodeId, End) {
        if CHECKS_STACKS.load(Relaxed) {
            return self.checked_site(recording, registers, bounds, root);
        }
        self.differential_site(recording, registers, bounds, root)
    }

    #[cold]
    fn checked_site(
        &mut self,
        recording: &Recording,
        registers: Registers,
        bounds: Bounds,
        root: Root,
    ) -> (NodeId, End) {
        CHECKED.fetch_add(1, Relaxed);
        let again = self.remembered.same_site_again(registers);
        let recent = self.remembered.recent_site(registers, root).map(|(site, _)| site);
        // Where unchecked memory would answer, nothing is remembered here either: what it would meet the next
        // time is what it meets here.
        let from_memory = [again, recent].into_iter().flatten();
        let found = match from_memory.clone().next() {
            Some(site) => {
                CHECKED_MEMORIES.fetch_add(1, Relaxed);
                (site, End::Complete)
            }
            None => self.differential_site(recording, registers, bounds, root),
        };
        let end = self.walk_to_end(registers, bounds);
        let walked = (self.intern_all(root, end), end);
        if walked != found || from_memory.into_iter().any(|site| site != walked.0) {
            MISMATCHES.fetch_add(1, Relaxed);
        }
        walked
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
            return self.plain_site(recording, registers, bounds, root);
        }
        self.remembered.start_under(root);
        let mut cursor = Cursor::new(registers, bounds, &mut self.passing);
        let mut may_be_good = self.remembered.len();
        let (mut depth, mut end) = (0_usize, End::TooDeep);
        let mut joint = None;
        for step in &mut self.steps {
            match cursor.go_up(step) {
                Ok(()) => {
                    joint = self.remembered.joint_at(step, cursor.frame_pointer(), &mut may_be_good);
                }
                Err(Stop::Lost) => {
                    end = End::Lost;
                    break;
                }
                // A signal interrupted code on another stack, whose end may be gone when it is read again.
                Err(_) if !cursor.is_on_own_stack() => {
                    end = End::Complete;
                    break;
                }
                Err(Stop::Outermost) => joint = Some(self.remembered.joint_at_root(root, None)),
                Err(Stop::Zero) => joint = Some(self.remembered.joint_at_root(root, Some(step.slot))),
            }
            depth = depth.wrapping_add(1);
            if joint.is_some() {
                break;
            }
        }
        let stack_use = cursor.stack_use();
        stack_use.keep(self.steps.first().map_or(0, |step| step.slot));
        let Some(joint) = joint else {
            self.remembered.forget();
            self.step_count = depth;
            return (self.intern_all(root, end), end);
        };
        if joint.len().wrapping_add(depth) > MAX_DEPTH {
            // The whole stack is deeper than what is kept, although its changed part is not.
            return self.plain_site(recording, registers, bounds, root);
        }
        let steps = self.steps.get(..depth).unwrap_or_default();
        let intern = |node, address| CALL_TREE.child(node, address as u64);
        match self.remembered.remember(joint, steps, registers, intern) {
            Some(site) => (site, End::Complete),
            None => {
                self.remembered.forget();
                (root.mark(Mark::TreeFull), End::Complete)
            }
        }
    }

    #[cold]
    fn plain_site(
        &mut self,
        recording: &Recording,
        registers: Registers,
        bounds: Bounds,
        root: Root,
    ) -> (NodeId, End) {
        let end = self.walk_plainly(recording, registers, bounds);
        (self.intern_all(root, end), end)
    }

    /// Walks to the end, whatever is remembered, and remembers nothing. The steps are kept.
    pub(super) fn walk_plainly(
        &mut self,
        _recording: &Recording,
        registers: Registers,
        bounds: Bounds,
    ) -> End {
        self.remembered.forget();
        self.walk_to_end(registers, bounds)
    }

    fn walk_to_end(&mut self, registers: Registers, bounds: Bounds) -> End {
        self.step_count = 0;
        let mut cursor = Cursor::new(registers, bounds, &mut self.passing);
        for step in &mut self.steps {
            match cursor.go_up(step) {
                Ok(()) => self.step_count = self.step_count.wrapping_add(1),
                Err(Stop::Outermost | Stop::Zero) => return End::Complete,
                Err(Stop::Lost) => return End::Lost,
            }
        }
        End::TooDeep
    }

    /// The return addresses of the last plain walk, leaf first.
    pub(super) fn return_addresses(&self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator {
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
