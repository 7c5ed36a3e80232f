//! The walk itself, step by step, from the hook's own registers up to the thread's first function.
//! Broken by: the tests of `remembered.rs`, which compare with the `backtrace` crate.

use core::mem::MaybeUninit;
use core::ptr;

use super::rule::Rule;
use super::{rule_cache, tables};
use crate::sys::modules;

/// The registers that a walk starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registers {
    instruction: usize,
    stack: usize,
    frame: usize,
}

impl Registers {
    /// The stack pointer.
    pub(crate) fn stack_pointer(&self) -> usize {
        self.stack
    }

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

/// gimli's working memory, for the first walk past a return address.
pub(crate) struct TableSpace(MaybeUninit<tables::Context>);

/// Makes what all walks share.
pub(crate) fn prepare() {
    modules::prepare();
    rule_cache::prepare();
}

/// A position in a stack, on its way from the leaf to the root.
pub(crate) struct Cursor<'a> {
    registers: Registers,
    stack_top: usize,
    space: &'a mut TableSpace,
}

/// One step from a frame to its caller, with all that it depended on besides the registers before it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Step {
    /// Where the return address lies; 0 where the kernel saved the registers of an interrupted frame.
    pub(crate) slot: usize,
    /// The return address.
    pub(crate) return_address: usize,
    /// The frame pointer before the step.
    pub(crate) frame_pointer: usize,
    /// Whether the step used the frame pointer.
    pub(crate) used_frame_pointer: bool,
    /// Where the caller's frame pointer was read from; 0 if it is the same.
    pub(crate) frame_pointer_from: usize,
}

/// Why there is no further step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// This is the thread's first function: its code says so.
    Outermost,
    /// The caller's return address is zero; the step that read it.
    Zero(Step),
    /// See [`End::Lost`](super::End::Lost).
    Lost,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(registers: Registers, stack_top: usize, space: &'a mut TableSpace) -> Self {
        Cursor { registers, stack_top, space }
    }

    /// The frame pointer now.
    pub(crate) fn frame_pointer(&self) -> usize {
        self.registers.frame
    }

    /// Goes to the caller.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> Result<Step, Stop> {
        let here = self.registers.instruction;
        let rule = match rule_cache::get(here) {
            Some(rule) => rule,
            None => look_up(here, self.space),
        };
        let Registers { stack, frame, .. } = self.registers;
        let below =
            |cfa: usize, saved: Option<u16>| saved.map_or(0, |below| cfa.wrapping_sub(usize::from(below)));
        let (cfa, used_frame_pointer, frame_pointer_from) = match rule {
            Rule::FromStackPointer { cfa_offset, saved_frame_pointer } => {
                let cfa = stack.wrapping_add(cfa_offset as usize);
                (cfa, false, below(cfa, saved_frame_pointer))
            }
            Rule::FromFramePointer { cfa_offset, saved_frame_pointer } => {
                let cfa = frame.wrapping_add(cfa_offset as usize);
                (cfa, true, below(cfa, saved_frame_pointer))
            }
            // The word at the frame pointer's side is not remembered as one that the step depends on:
            // a walk with such a frame is not reused (`used_frame_pointer` and a slot of 0 say so).
            Rule::FromSavedWord { below_frame_pointer } => {
                return self.step_over_realignment(below_frame_pointer);
            }
            Rule::SignalFrame => return self.step_over_signal(),
            Rule::Outermost => return Err(Stop::Outermost),
            Rule::Unknown => return Err(Stop::Lost),
        };
        // A caller's frame lies above its callee's; this also ends walks that would go in circles.
        if cfa <= stack {
            return Err(Stop::Lost);
        }
        let slot = cfa.wrapping_sub(8);
        let return_address = self.read(slot)?;
        if frame_pointer_from != 0 {
            self.registers.frame = self.read(frame_pointer_from)?;
        }
        let step =
            Step { slot, return_address, frame_pointer: frame, used_frame_pointer, frame_pointer_from };
        if return_address == 0 {
            return Err(Stop::Zero(step));
        }
        self.registers.instruction = return_address;
        self.registers.stack = cfa;
        Ok(step)
    }

    /// The caller's frame begins where a word below the frame pointer says.
    #[cold]
    fn step_over_realignment(&mut self, below_frame_pointer: u32) -> Result<Step, Stop> {
        let frame = self.registers.frame;
        let cfa = self.read(frame.wrapping_sub(below_frame_pointer as usize))?;
        if cfa <= self.registers.stack {
            return Err(Stop::Lost);
        }
        let return_address = self.read(cfa.wrapping_sub(8))?;
        self.registers = Registers { instruction: return_address, stack: cfa, frame: self.read(frame)? };
        Ok(Step { return_address, ..Step::default() })
    }

    /// The kernel put a `ucontext_t` where the stack pointer is after the handler's return.
    #[cold]
    fn step_over_signal(&mut self) -> Result<Step, Stop> {
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
        Ok(Step { return_address: as_return_address, ..Step::default() })
    }

    /// Reads a word of the stack.
    #[inline(always)]
    fn read(&self, address: usize) -> Result<usize, Stop> {
        if address < self.registers.stack
            || address >= self.stack_top.wrapping_sub(7)
            || !address.is_multiple_of(8)
        {
            return Err(Stop::Lost);
        }
        // SAFETY: aligned, and between this frame's stack pointer and the end of the thread's stack,
        // all of which is mapped and readable. Other code of this thread wrote it; nothing else
        // writes it now, because this thread is here.
        Ok(unsafe { ptr::with_exposed_provenance::<usize>(address).read_volatile() })
    }
}

#[cold]
#[inline(never)]
fn look_up(return_address: usize, space: &mut TableSpace) -> Rule {
    let context = space.0.write(tables::Context::new_in());
    let rule = tables::rule_at(return_address.wrapping_sub(1), context);
    rule_cache::put(return_address, rule);
    rule
}
