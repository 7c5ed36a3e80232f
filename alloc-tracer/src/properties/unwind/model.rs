//! What a walk must find, said a second time and in the plainest way: no cache, no short cut, nothing
//! remembered, and every read asked for.

use super::super::rule::Rule;
use super::super::{End, MAX_DEPTH};
use super::memory::{Memory, PAGE_BYTES};
use crate::cold::std::prelude::rust_2024::*;

/// How far a walk may go on a stack that is not the thread's own.
const PAGES_ELSEWHERE: usize = 64;

/// The registers that a walk goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) instruction: usize,
    pub(super) stack: usize,
    pub(super) frame: usize,
}

/// Which part of the memory a walk may read, from where it arrived on a stack.
#[derive(Clone, Copy)]
struct Stack {
    arrived_at: usize,
    is_own: bool,
}

impl Stack {
    fn with(memory: &Memory, stack_pointer: usize) -> Stack {
        let is_own = (memory.bounds.low..memory.bounds.top).contains(&stack_pointer);
        Stack { arrived_at: stack_pointer, is_own }
    }

    fn may_be_read(self, memory: &Memory, address: usize) -> bool {
        if self.is_own {
            return address < memory.bounds.top;
        }
        let first = self.arrived_at / PAGE_BYTES;
        let pages = (address / PAGE_BYTES).saturating_sub(first) + 1;
        pages <= PAGES_ELSEWHERE && (first..first + pages).all(|page| memory.has(page * PAGE_BYTES))
    }
}

/// The word at an address, if the frame whose stack pointer is `state.stack` may have kept something there.
fn word(memory: &Memory, stack: Stack, state: &State, address: usize) -> Option<usize> {
    let is_above = address >= state.stack && address.is_multiple_of(8);
    (is_above && stack.may_be_read(memory, address)).then(|| memory.read(address))
}

/// Whether the walker may look for the word where a simple first rule says that its return address is.
pub(super) fn has_return_address(memory: &Memory, state: &State, cfa_offset: usize) -> bool {
    let slot = state.stack.wrapping_add(cfa_offset).wrapping_sub(8);
    word(memory, Stack::with(memory, state.stack), state, slot).is_some()
}

/// The return addresses, leaf first, and how the stack ends.
pub(super) fn walk(memory: &Memory, rules: impl Fn(usize) -> Rule, start: State) -> (Vec<usize>, End) {
    let mut state = start;
    let mut stack = Stack::with(memory, state.stack);
    let mut found = Vec::new();
    while found.len() < MAX_DEPTH {
        match step(memory, rules(state.instruction), &mut stack, &mut state) {
            Ok(return_address) => found.push(return_address),
            Err(end) => return (found, end),
        }
    }
    (found, End::TooDeep)
}

fn step(memory: &Memory, rule: Rule, stack: &mut Stack, state: &mut State) -> Result<usize, End> {
    let before = *state;
    let read = |address: usize| word(memory, *stack, &before, address).ok_or(End::Lost);
    let (cfa, saved) = match rule {
        Rule::Outermost => return Err(End::Complete),
        Rule::Unknown => return Err(End::Lost),
        Rule::SignalFrame => {
            let general = before.stack.wrapping_add(core::mem::offset_of!(libc::ucontext_t, uc_mcontext));
            let register = |index: libc::c_int| read(general.wrapping_add(8 * index as usize));
            let instruction = register(libc::REG_RIP)?.wrapping_add(1);
            let (rsp, frame) = (register(libc::REG_RSP)?, register(libc::REG_RBP)?);
            *state = State { instruction, stack: rsp, frame };
            *stack = Stack::with(memory, rsp);
            return Ok(instruction);
        }
        Rule::FromSavedWord { below_frame_pointer } => {
            let cfa = read(before.frame.wrapping_sub(below_frame_pointer as usize))?;
            if cfa <= before.stack {
                return Err(End::Lost);
            }
            let instruction = read(cfa.wrapping_sub(8))?;
            *state = State { instruction, stack: cfa, frame: read(before.frame)? };
            return Ok(instruction);
        }
        Rule::FromStackPointer { cfa_offset, saved_frame_pointer } => {
            (before.stack.wrapping_add(cfa_offset as usize), saved_frame_pointer)
        }
        Rule::FromFramePointer { cfa_offset, saved_frame_pointer } => {
            (before.frame.wrapping_add(cfa_offset as usize), saved_frame_pointer)
        }
    };
    if cfa <= before.stack {
        return Err(End::Lost);
    }
    let instruction = read(cfa.wrapping_sub(8))?;
    let frame = match saved {
        Some(below) => read(cfa.wrapping_sub(usize::from(below)))?,
        None => before.frame,
    };
    *state = State { instruction, stack: cfa, frame };
    // The thread's first function may have been called from nowhere.
    if instruction == 0 { Err(End::Complete) } else { Ok(instruction) }
}
