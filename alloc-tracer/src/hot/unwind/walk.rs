//! The walk itself: from the hook's own registers up to the thread's first function.
//! Broken by: the tests below, which compare with the `backtrace` crate; `tests/stacks.rs`.

use core::mem::MaybeUninit;
use core::ptr;

use super::rule::Rule;
use super::{End, MAX_DEPTH, rule_cache, tables};
use crate::hot::guard::Recording;
use crate::sys::modules;

/// The registers that a walk starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registers {
    instruction: usize,
    stack: usize,
    frame: usize,
}

impl Registers {
    /// The caller's own registers at this point: always inlined.
    #[inline(always)]
    pub(crate) fn here() -> Registers {
        let (instruction, stack, frame);
        // SAFETY: reads three registers; changes nothing.
        unsafe {
            core::arch::asm!(
                "lea {instruction}, [rip]",
                "mov {stack}, rsp",
                "mov {frame}, rbp",
                instruction = out(reg) instruction,
                stack = out(reg) stack,
                frame = out(reg) frame,
                options(nomem, nostack, preserves_flags),
            );
        }
        Registers { instruction, stack, frame }
    }
}

/// Room for one walk at a time.
pub(crate) struct WalkSpace {
    frames: [usize; MAX_DEPTH],
    context: MaybeUninit<tables::Context>,
}

/// Makes what all walks share.
pub(crate) fn prepare() {
    modules::prepare();
    rule_cache::prepare();
}

/// The return addresses of the stack that `registers` were read on, leaf first. `stack_top` is the
/// first address above the thread's stack.
pub(crate) fn walk<'a>(
    _recording: &Recording,
    space: &'a mut WalkSpace,
    registers: Registers,
    stack_top: usize,
) -> (&'a [usize], End) {
    let WalkSpace { frames, context } = space;
    let mut cursor = Cursor { registers, stack_top };
    let mut depth = 0;
    let end = loop {
        let Some(slot) = frames.get_mut(depth) else { break End::TooDeep };
        match cursor.step(context) {
            Ok(return_address) => *slot = return_address,
            Err(end) => break end,
        }
        depth = depth.wrapping_add(1);
    };
    (frames.get(..depth).unwrap_or_default(), end)
}

struct Cursor {
    registers: Registers,
    stack_top: usize,
}

impl Cursor {
    /// Goes to the caller; its return address, or why there is none.
    #[inline(always)]
    fn step(&mut self, context: &mut MaybeUninit<tables::Context>) -> Result<usize, End> {
        let here = self.registers.instruction;
        let rule = match rule_cache::get(here) {
            Some(rule) => rule,
            None => look_up(here, context),
        };
        let Registers { stack, frame, .. } = self.registers;
        let below = |cfa: usize, saved: Option<u16>| saved.map(|below| cfa.wrapping_sub(usize::from(below)));
        let (cfa, saved_frame_pointer_at) = match rule {
            Rule::FromStackPointer { cfa_offset, saved_frame_pointer } => {
                let cfa = stack.wrapping_add(cfa_offset as usize);
                (cfa, below(cfa, saved_frame_pointer))
            }
            Rule::FromFramePointer { cfa_offset, saved_frame_pointer } => {
                let cfa = frame.wrapping_add(cfa_offset as usize);
                (cfa, below(cfa, saved_frame_pointer))
            }
            Rule::FromSavedWord { below_frame_pointer } => {
                (self.read(frame.wrapping_sub(below_frame_pointer as usize))?, Some(frame))
            }
            Rule::SignalFrame => return self.step_over_signal(),
            Rule::Outermost => return Err(End::Complete),
            Rule::Unknown => return Err(End::Lost),
        };
        // A caller's frame lies above its callee's; this also ends walks that would go in circles.
        if cfa <= stack {
            return Err(End::Lost);
        }
        let return_address = self.read(cfa.wrapping_sub(8))?;
        if let Some(address) = saved_frame_pointer_at {
            self.registers.frame = self.read(address)?;
        }
        if return_address == 0 {
            return Err(End::Complete);
        }
        self.registers.instruction = return_address;
        self.registers.stack = cfa;
        Ok(return_address)
    }

    /// The kernel put a `ucontext_t` where the stack pointer is after the handler's return.
    #[cold]
    fn step_over_signal(&mut self) -> Result<usize, End> {
        const GENERAL: usize = core::mem::offset_of!(libc::ucontext_t, uc_mcontext);
        let context = self.registers.stack;
        let register = |index: libc::c_int| {
            let offset = (index as usize).wrapping_mul(8).wrapping_add(GENERAL);
            self.read(context.wrapping_add(offset))
        };
        let interrupted = register(libc::REG_RIP)?;
        let (stack, frame) = (register(libc::REG_RSP)?, register(libc::REG_RBP)?);
        // On an alternate signal stack the interrupted frames lie elsewhere, maybe below.
        // One byte is added because rules are looked up one byte below a return address.
        let as_return_address = interrupted.wrapping_add(1);
        self.registers = Registers { instruction: as_return_address, stack, frame };
        Ok(as_return_address)
    }

    /// Reads a word of the stack.
    #[inline(always)]
    fn read(&self, address: usize) -> Result<usize, End> {
        if address < self.registers.stack
            || address >= self.stack_top.wrapping_sub(7)
            || !address.is_multiple_of(8)
        {
            return Err(End::Lost);
        }
        // SAFETY: aligned, and between this frame's stack pointer and the end of the thread's stack,
        // all of which is mapped and readable. Other code of this thread wrote it; nothing else
        // writes it now, because this thread is here.
        Ok(unsafe { ptr::with_exposed_provenance::<usize>(address).read_volatile() })
    }
}

#[cold]
#[inline(never)]
fn look_up(return_address: usize, context: &mut MaybeUninit<tables::Context>) -> Rule {
    let context = context.write(tables::Context::new_in());
    let rule = tables::rule_at(return_address.wrapping_sub(1), context);
    rule_cache::put(return_address, rule);
    rule
}

#[cfg(test)]
mod tests {
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
        let (frames, end) = walk(&recording, &mut space, Registers::here(), stack::top());
        (frames.to_vec(), end)
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
