//! The walk itself, step by step, from the hook's own registers up to the thread's first function.
//! Broken by: the tests of `walk_space.rs`, which compare with the `backtrace` crate.

use core::ptr;

use super::passing_rules::PassingRules;
use super::rule::{PackedRule, Rule};
use super::stack_use::StackUse;
use super::{program, rule_cache};
use crate::sys::stack::{self, Bounds};
use crate::sys::{modules, pages};

/// The registers that a walk starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registers {
    pub(super) instruction: usize,
    pub(super) stack: usize,
    pub(super) frame: usize,
}

impl Registers {
    /// The instruction pointer.
    pub(crate) fn instruction(&self) -> usize {
        self.instruction
    }

    /// What a walk from here begins with, if it needs this frame pointer or none.
    #[inline(always)]
    pub(crate) fn beginning(&self, frame_pointer: Option<usize>) -> Beginning {
        Beginning {
            instruction: self.instruction,
            stack: self.stack,
            frame_pointer: frame_pointer.unwrap_or(0),
            needs_frame_pointer: frame_pointer.is_some(),
        }
    }

    /// The stack pointer.
    pub(crate) fn stack_pointer(&self) -> usize {
        self.stack
    }

    /// Goes to the caller by a rule that is known and simple, on a stack that is readable up to `end`.
    /// `false`, and nothing is changed, if that is not so, or if there is nothing further up.
    #[inline(always)]
    fn go_up_simply(&mut self, end: usize, step: &mut Step) -> bool {
        let Registers { instruction, stack, frame } = *self;
        let Some(rule) = rule_cache::get(instruction) else { return false };
        let Some((cfa_offset, from_frame_pointer)) = rule.simple() else { return false };
        let cfa = if from_frame_pointer { frame } else { stack }.wrapping_add(cfa_offset);
        let slot = cfa.wrapping_sub(8);
        let saved = rule.saved_frame_pointer();
        let from = cfa.wrapping_sub(saved);
        let is_inside =
            slot >= stack && slot < end && slot.is_multiple_of(8) && (saved == 0 || from >= stack);
        if !is_inside {
            return false;
        }
        // SAFETY: aligned, and between this frame's stack pointer and the end of what can be read of this
        // thread's stack. Other code of this thread wrote it; nothing else writes it now.
        let return_address = unsafe { ptr::with_exposed_provenance::<usize>(slot).read_volatile() };
        if return_address == 0 {
            return false;
        }
        *step = Step {
            slot,
            return_address,
            frame_pointer: frame,
            frame_pointer_from: 0,
            used_frame_pointer: from_frame_pointer,
            is_repeatable: true,
        };
        if saved != 0 {
            step.frame_pointer_from = from;
            // SAFETY: as above: not above the slot, not below the stack pointer, a multiple of 8 below it.
            self.frame = unsafe { ptr::with_exposed_provenance::<usize>(from).read_volatile() };
        }
        self.instruction = return_address;
        self.stack = cfa;
        true
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

/// The registers that a walk depends on: in code without frame pointers that register holds anything, and
/// most walks do not need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    instruction: usize,
    stack: usize,
    frame_pointer: usize,
    needs_frame_pointer: bool,
}

impl Beginning {
    /// Whether a walk from these registers begins with the same.
    #[inline(always)]
    pub(crate) fn is_at(&self, registers: Registers) -> bool {
        self.stack == registers.stack
            && self.instruction == registers.instruction
            && (!self.needs_frame_pointer || self.frame_pointer == registers.frame)
    }
}

/// Makes what all walks share. Called once.
pub(crate) fn prepare() {
    modules::prepare();
    rule_cache::prepare();
}

/// A position in a stack, on its way from the leaf to the root.
pub(crate) struct Cursor<'a> {
    registers: Registers,
    bounds: Bounds,
    /// The end of the thread's own stack, if the walk is there; otherwise 0.
    known_end: usize,
    /// The end of what is known to be readable above the stack pointer.
    readable_end: usize,
    /// How many more pages above that may be asked for: none on the thread's own stack, whose end is known.
    askable_pages: usize,
    passing: &'a mut PassingRules,
    stack_use: StackUse,
    /// On a stack that is not the thread's own, whether a search fits below, once that was asked.
    has_foreign_room: Option<bool>,
}

/// How far a walk goes on a stack of which nothing is known, in pages.
const FOREIGN_PAGES: usize = 64;
const PAGE_BYTES: usize = 4096;

/// More stack than a search of the tables takes: 1 KiB where it is optimised (`xtask/tests/stack_budget.rs`).
const SEARCH_STACK_BYTES: usize = if cfg!(debug_assertions) { 16 << 10 } else { 2 << 10 };

/// One step from a frame to its caller, with all that it depended on besides the registers before it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Step {
    /// Where the return address lies; 0 where the kernel saved the registers of an interrupted frame.
    pub(crate) slot: usize,
    /// The return address.
    pub(crate) return_address: usize,
    /// The frame pointer before the step.
    pub(crate) frame_pointer: usize,
    /// Where the caller's frame pointer was read from; 0 if it is the same.
    pub(crate) frame_pointer_from: usize,
    /// Whether the step used the frame pointer.
    pub(crate) used_frame_pointer: bool,
    /// Whether the step will be the same if what it depended on is the same: that is all in here, and the
    /// rule is of a module that stays loaded.
    pub(crate) is_repeatable: bool,
}

/// Why there is no further step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// This is the thread's first function: its code says so.
    Outermost,
    /// The caller's return address is zero; the step says where it was read.
    Zero,
    /// See [`End::Lost`](super::End::Lost).
    Lost,
}

impl<'a> Cursor<'a> {
    /// A walk on the stack with these bounds; where the stack pointer is outside them (a coroutine on
    /// memory of its own, an alternate signal stack), every page is asked for before it is read.
    pub(crate) fn new(registers: Registers, bounds: Bounds, passing: &'a mut PassingRules) -> Self {
        let mut cursor = Cursor {
            registers,
            bounds,
            known_end: 0,
            readable_end: 0,
            askable_pages: 0,
            passing,
            stack_use: StackUse::default(),
            has_foreign_room: None,
        };
        cursor.arrive_on_stack();
        cursor
    }

    /// Sets how far the stack that the stack pointer is on may be read.
    fn arrive_on_stack(&mut self) {
        let top = self.bounds.top;
        (self.known_end, self.readable_end, self.askable_pages) =
            match self.bounds.contain(self.registers.stack) {
                true => (top, top, 0),
                false => (0, self.registers.stack & !PAGE_BYTES.wrapping_sub(1), FOREIGN_PAGES),
            };
    }

    /// How far down the stack this went for reading tables.
    #[inline(always)]
    pub(crate) fn stack_use(&self) -> StackUse {
        self.stack_use
    }

    /// Whether the walk is on the thread's own stack, whose memory stays where it is.
    pub(crate) fn is_on_own_stack(&self) -> bool {
        self.known_end != 0
    }

    /// The frame pointer now.
    pub(crate) fn frame_pointer(&self) -> usize {
        self.registers.frame
    }

    /// Goes to the caller, and says in `step` how.
    #[inline(always)]
    pub(crate) fn go_up(&mut self, step: &mut Step) -> Result<(), Stop> {
        // Copies, so that the common way keeps them in the processor's registers.
        let (mut registers, end) = (self.registers, self.known_end);
        if registers.go_up_simply(end, step) {
            self.registers = registers;
            return Ok(());
        }
        self.go_up_slowly(step)
    }

    /// As [`go_up`](Self::go_up), in all cases.
    #[cold]
    #[inline(never)]
    fn go_up_slowly(&mut self, step: &mut Step) -> Result<(), Stop> {
        let Registers { instruction, stack, frame } = self.registers;
        let (rule, is_repeatable) = match rule_cache::get(instruction) {
            Some(rule) => (rule, true),
            None if self.has_room_to_search() => look_up(instruction, self.passing, &mut self.stack_use),
            None => return Err(Stop::Lost),
        };
        let Some((cfa_offset, from_frame_pointer)) = rule.simple() else {
            return self.go_up_otherwise(Rule::unpack(rule), is_repeatable, step);
        };
        let cfa = if from_frame_pointer { frame } else { stack }.wrapping_add(cfa_offset);
        // A caller's frame lies above its callee's; this also ends walks that would go in circles.
        if cfa <= stack {
            return Err(Stop::Lost);
        }
        let slot = cfa.wrapping_sub(8);
        let return_address = self.read(slot)?;
        let frame_pointer_from = match rule.saved_frame_pointer() {
            0 => 0,
            below => cfa.wrapping_sub(below),
        };
        if frame_pointer_from != 0 {
            self.registers.frame = self.read(frame_pointer_from)?;
        }
        *step = Step {
            slot,
            return_address,
            frame_pointer: frame,
            frame_pointer_from,
            used_frame_pointer: from_frame_pointer,
            is_repeatable,
        };
        self.registers.instruction = return_address;
        self.registers.stack = cfa;
        if return_address == 0 { Err(Stop::Zero) } else { Ok(()) }
    }

    /// As [`go_up`](Self::go_up), by a rule that is not simple.
    fn go_up_otherwise(&mut self, rule: Rule, is_lasting: bool, step: &mut Step) -> Result<(), Stop> {
        *step = match rule {
            // These two read words that a `Step` has no room for: they are not repeatable.
            Rule::FromSavedWord { below_frame_pointer } => self.step_over_realignment(below_frame_pointer)?,
            Rule::SignalFrame => self.step_over_signal()?,
            Rule::Outermost => {
                *step = Step { is_repeatable: is_lasting, ..Step::default() };
                return Err(Stop::Outermost);
            }
            Rule::Unknown if self.is_where_musl_starts() => {
                *step = Step { is_repeatable: is_lasting, ..Step::default() };
                return Err(Stop::Outermost);
            }
            _ => return Err(Stop::Lost),
        };
        Ok(())
    }

    /// Whether the frame is one of musl's own, which has no unwind information, of those that call `main` or
    /// a thread's first function. They lie at the top of the stack, that of the first thread below its arguments.
    fn is_where_musl_starts(&self) -> bool {
        const START_BYTES: usize = 4096;
        cfg!(target_env = "musl") && self.known_end.wrapping_sub(self.registers.stack) < START_BYTES
    }

    /// The caller's frame begins where a word below the frame pointer says.
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
    fn step_over_signal(&mut self) -> Result<Step, Stop> {
        const GENERAL: usize = core::mem::offset_of!(libc::ucontext_t, uc_mcontext);
        let context = self.registers.stack;
        let mut register = |index: libc::c_int| {
            let offset = (index as usize).wrapping_mul(8).wrapping_add(GENERAL);
            self.read(context.wrapping_add(offset))
        };
        let interrupted = register(libc::REG_RIP)?;
        let (stack, frame) = (register(libc::REG_RSP)?, register(libc::REG_RBP)?);
        // One byte is added because rules are looked up one byte below a return address.
        let as_return_address = interrupted.wrapping_add(1);
        self.registers = Registers { instruction: as_return_address, stack, frame };
        // From an alternate signal stack the walk comes back to the interrupted one.
        self.arrive_on_stack();
        Ok(Step { return_address: as_return_address, ..Step::default() })
    }

    /// Whether a search of the tables fits below the stack pointer of this thread. A program may run where
    /// it has hardly more room than it needs itself: it must not fall because of the tracer.
    fn has_room_to_search(&mut self) -> bool {
        let stack = Registers::here().stack;
        let lowest = stack.wrapping_sub(SEARCH_STACK_BYTES);
        if self.bounds.contain(stack) {
            return lowest >= self.bounds.low && lowest < stack;
        }
        // The kernel is asked once in a walk: each search begins at the same place.
        *self.has_foreign_room.get_or_insert_with(|| match stack::alternate_low() {
            // A signal stack may lie amidst other data.
            Some(low) => lowest >= low,
            // Of other stacks all that is known is what can be read; a page that cannot may lie in between.
            None => {
                let page_of = |address: usize| address & !PAGE_BYTES.wrapping_sub(1);
                let below = (page_of(lowest)..page_of(stack)).step_by(PAGE_BYTES);
                below.rev().all(pages::is_readable)
            }
        })
    }

    /// Reads a word of the stack.
    fn read(&mut self, address: usize) -> Result<usize, Stop> {
        if address < self.registers.stack || !address.is_multiple_of(8) {
            return Err(Stop::Lost);
        }
        if address >= self.readable_end && !self.ask_for(address) {
            return Err(Stop::Lost);
        }
        // SAFETY: aligned, and between this frame's stack pointer and the end of the thread's stack,
        // all of which is mapped and readable, or on a page that was asked for. Other code of this
        // thread wrote it; nothing else writes it now, because this thread is here.
        Ok(unsafe { ptr::with_exposed_provenance::<usize>(address).read_volatile() })
    }

    /// Makes sure that all pages up to the one with this address can be read.
    #[cold]
    fn ask_for(&mut self, address: usize) -> bool {
        while address >= self.readable_end {
            if self.askable_pages == 0 || !pages::is_readable(self.readable_end) {
                return false;
            }
            self.askable_pages = self.askable_pages.wrapping_sub(1);
            self.readable_end = self.readable_end.wrapping_add(PAGE_BYTES);
        }
        true
    }
}

/// The rule of a return address, and whether it is so for ever: not in a module that may be unloaded.
#[cold]
#[inline(never)]
fn look_up(
    return_address: usize,
    passing: &mut PassingRules,
    stack_use: &mut StackUse,
) -> (PackedRule, bool) {
    let address = return_address.wrapping_sub(1);
    let Some(section) = modules::unwind_section(address) else { return (Rule::Unknown.pack(), false) };
    if !section.stays
        && let Some(rule) = passing.get(return_address, &section)
    {
        return (rule, false);
    }
    let rule = program::rule_at(address, &section, stack_use).pack();
    match section.stays {
        true => rule_cache::put(return_address, rule),
        false => passing.put(return_address, &section, rule),
    }
    (rule, section.stays)
}
