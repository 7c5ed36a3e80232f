//! Any stack is walked: whatever the registers, the words and the rules are, a walk ends, reads only what it
//! may, allocates nothing and finds what the model finds; and whatever changes between two walks, the
//! one that remembers finds what a whole one does.

use super::super::rule::{PackedRule, RULE_BITS, Rule};
use super::super::walk::{Registers, prepare};
use super::super::walk_space::WalkSpace;
use super::super::{End, MAX_DEPTH, rule_cache};
use super::memory::{Memory, OTHER_WORDS, OWN_WORDS};
use super::model::{State, has_return_address, walk};
use super::rules::any_rule;
use crate::cold::std::boxed::Box;
use crate::cold::std::prelude::rust_2024::*;
use crate::cold::std::sync::{Once, OnceLock};
use crate::hot::call_tree::{CALL_TREE, Mark, NodeId, Root};
use crate::hot::guard::Recording;
use crate::hot::thread_sites::{Place, ThreadSites};
use crate::properties::{Allocations, Input};

/// Of a stack deeper than the limit so many frames are kept, as the README says.
const KEPT_OF_TOO_DEEP: usize = 64;
const MOST_RULES: usize = 16;
/// Return addresses that no program has, so that only the rules made here are known of them.
const CODE: usize = 0x8000_1234_0000;
const MOST_ACTS: usize = 64;

/// How many rules and what they are, where the own stack ends, then what happens, act by act.
pub fn any_stack_is_walked(bytes: &[u8]) {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(prepare);
    let mut input = Input::new(bytes);
    let mut scene = Scene::new(&mut input);
    for _ in 0..MOST_ACTS {
        if input.is_empty() {
            break;
        }
        scene.act(&mut input);
    }
    scene.walk(Root::Exact);
}

struct Scene {
    memory: Memory,
    rules: Vec<PackedRule>,
    state: State,
    /// As a thread has one.
    space: Box<WalkSpace>,
    /// For whole walks.
    whole: Box<WalkSpace>,
}

impl Scene {
    fn new(input: &mut Input<'_>) -> Scene {
        let count = usize::from(input.u8()) % MOST_RULES + 1;
        let rules: Vec<PackedRule> = (0..count).map(|_| packed_rule(input)).collect();
        // What an earlier input left, one beyond the last included, to which a signal may return.
        for index in 0..=MOST_RULES {
            let rule = rules.get(index).copied().unwrap_or(Rule::Unknown.pack());
            rule_cache::put(CODE + index, rule);
        }
        let memory = Memory::new(usize::from(input.u8()));
        let state = State { instruction: CODE, stack: memory.own(0), frame: 0 };
        Scene { memory, rules, state, space: space(), whole: space() }
    }

    /// The kind of the act, then what it needs.
    fn act(&mut self, input: &mut Input<'_>) {
        match input.u8() % 10 {
            0 => {
                let (at, value) = (self.memory.own(input.u16().into()), self.word(input));
                self.memory.write(at, value);
            }
            1 => {
                let (at, value) = (self.memory.other(input.u16().into()), self.word(input));
                self.memory.write(at, value);
            }
            2 => self.fill(input),
            3 => self.put_signal_frame(input),
            4 => self.memory.turn(input.u8().into()),
            5 => {
                let instruction = self.code(input);
                self.state = State { instruction, stack: self.word(input), frame: self.word(input) };
            }
            6 => self.state.stack = self.memory.own(input.u16().into()),
            7 => self.space.hand_over(),
            8 => self.walk(Root::Sampled),
            _ => self.walk(Root::Exact),
        }
    }

    /// Frames of one size that return into one function, with a chain of frame pointers.
    fn fill(&mut self, input: &mut Input<'_>) {
        let (first, code) = (usize::from(input.u16()), self.code(input));
        let (words, frames) = (usize::from(input.u8() % 16) + 1, usize::from(input.u16()) % (OWN_WORDS + 8));
        for frame in 0..frames.min(OWN_WORDS.saturating_sub(first) / words) {
            let at = first + frame * words;
            if words > 1 {
                let next = self.memory.own(at + words - 1);
                self.memory.write(self.memory.own(at + words - 1), next + 8 * words);
            }
            self.memory.write(self.memory.own(at), code);
        }
    }

    /// What the kernel leaves for a signal handler: where it is, and the three registers.
    fn put_signal_frame(&mut self, input: &mut Input<'_>) {
        let at = self.memory.own(input.u16().into());
        let general = at.wrapping_add(core::mem::offset_of!(libc::ucontext_t, uc_mcontext));
        let (code, stack, frame) = (self.code(input), self.word(input), self.word(input));
        for (register, value) in
            [(libc::REG_RIP, code.wrapping_sub(1)), (libc::REG_RSP, stack), (libc::REG_RBP, frame)]
        {
            self.memory.write(general + 8 * register as usize, value);
        }
    }

    fn code(&self, input: &mut Input<'_>) -> usize {
        CODE + usize::from(input.u8()) % self.rules.len()
    }

    /// A word as a stack may hold it: its kind, then its value.
    fn word(&self, input: &mut Input<'_>) -> usize {
        let bounds = self.memory.bounds;
        match input.u8() % 9 {
            0 => self.code(input),
            1 | 2 => self.memory.own(input.u16().into()),
            3 => self.memory.own(input.u16().into()) + usize::from(input.u8()),
            4 => self.memory.other(usize::from(input.u16()) % OTHER_WORDS),
            5 => (bounds.top + 64).wrapping_sub(8 * usize::from(input.u8() % 16)),
            6 => (bounds.low + 64).wrapping_sub(8 * usize::from(input.u8() % 16)),
            7 => self.memory.nowhere(input.u8().into()),
            // Near 0 and near 2^64 there is no memory either.
            _ => usize::from(input.u16()).wrapping_sub(1 << 15),
        }
    }

    fn rule(&self, instruction: usize) -> Rule {
        // Of a return address the lower 48 bits count.
        let known = (instruction & ((1 << 48) - 1)).checked_sub(CODE).and_then(|at| self.rules.get(at));
        known.map_or(Rule::Unknown, |rule| Rule::unpack(*rule))
    }

    /// Whether the walk begins as the recorder's do: in a function whose return address is at one distance from
    /// the stack pointer, and is there. What is remembered by its caller is looked for by it.
    fn begins_in_the_hook(&self) -> bool {
        match self.rule(self.state.instruction) {
            Rule::FromStackPointer { cfa_offset, .. } => {
                has_return_address(&self.memory, &self.state, cfa_offset as usize)
            }
            _ => false,
        }
    }

    /// Finds the site of the stack in every way there is.
    fn walk(&mut self, root: Root) {
        let State { instruction, stack, frame } = self.state;
        let registers = Registers { instruction, stack, frame };
        let (addresses, end) = walk(&self.memory, |instruction| self.rule(instruction), self.state);
        let expected = site(root, &addresses, end);
        let recording = Recording::enter().expect("nobody else records on this thread");

        let place = any_place();
        let allocations = Allocations::from_here();
        let seen = self.whole.walk_plainly(&recording, registers, self.memory.bounds);
        assert_eq!(seen, end, "how the stack ends: {:x?}", self.state);
        assert!(self.whole.return_addresses().eq(addresses.iter().copied()), "the frames of a whole walk");

        if root == Root::Exact
            && let Some((remembered, _)) = self.space.same_site(&recording, registers)
        {
            assert_eq!(remembered, expected, "the last stack once more");
        }
        if self.begins_in_the_hook()
            && let Some((remembered, _)) = self.space.recent_site(&recording, registers, root)
        {
            assert_eq!(remembered, expected, "a recent stack");
        }
        let found = self.space.site(&recording, registers, self.memory.bounds, root);
        assert_eq!(found, (expected, end), "the differential walk");
        if root == Root::Exact && self.begins_in_the_hook() {
            self.space.set_place(registers, found.0, place);
        }
        assert_eq!(allocations.calls(), 0, "a walk allocates nothing");
    }
}

/// A rule of the usual kind and size, or any, or any bits.
fn packed_rule(input: &mut Input<'_>) -> PackedRule {
    let usual = |input: &mut Input<'_>| (8 * (u32::from(input.u8()) + 1), 8 * u16::from(input.u8() % 32));
    let kind = input.u8();
    match kind % 8 {
        0 | 1 => {
            let (cfa_offset, saved) = usual(input);
            Rule::FromStackPointer { cfa_offset, saved_frame_pointer: Some(saved) }.pack()
        }
        2 => {
            let (cfa_offset, saved) = usual(input);
            Rule::FromFramePointer { cfa_offset, saved_frame_pointer: Some(saved) }.pack()
        }
        3 => Rule::FromSavedWord { below_frame_pointer: 8 * u32::from(input.u8()) }.pack(),
        4 => Rule::SignalFrame.pack(),
        5 => Rule::Outermost.pack(),
        6 => any_rule(input).pack(),
        // No rule has no bits at all.
        _ => PackedRule((input.u32() & ((1 << RULE_BITS) - 1)).max(1)),
    }
}

/// The node of a stack, as the call tree keeps it.
fn site(root: Root, addresses: &[usize], end: End) -> NodeId {
    let start = match end {
        End::Complete => root.node(),
        End::TooDeep => root.mark(Mark::TooDeep),
        End::Lost => root.mark(Mark::Lost),
    };
    let kept = if end == End::TooDeep { KEPT_OF_TOO_DEEP } else { MAX_DEPTH };
    let kept = addresses.iter().take(kept).rev();
    let site = kept.copied().try_fold(start, |node, address| CALL_TREE.child(node, address as u64));
    site.unwrap_or(root.mark(Mark::TreeFull))
}

fn space() -> Box<WalkSpace> {
    // SAFETY: zeroes are a valid `WalkSpace`: plain numbers and memory that need not be initialised.
    let mut space: Box<WalkSpace> = unsafe { Box::new_zeroed().assume_init() };
    space.hand_over();
    space
}

/// Where a thread could count; nobody does.
fn any_place() -> &'static Place {
    static SITES: OnceLock<&'static ThreadSites> = OnceLock::new();
    let sites = SITES.get_or_init(|| {
        // SAFETY: zeroes are valid places: atomic numbers.
        let sites: Box<ThreadSites> = unsafe { Box::new_zeroed().assume_init() };
        sites.claim(NodeId(1));
        Box::leak(sites)
    });
    sites.place(NodeId(1)).expect("the first site has a place")
}
