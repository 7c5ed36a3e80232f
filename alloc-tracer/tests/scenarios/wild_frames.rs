//! Code that keeps anything in the frame pointer, and stacks whose saved return addresses are wild: the
//! walk reads nothing that is not there, and ends, marked.
#![cfg(target_arch = "x86_64")]

use std::hint::black_box;

use alloc_tracer::Mode;

use crate::scenario::{Books, survives};

// `with_frame_pointer(function, value)` has `value` in the frame pointer meanwhile, as code without frame
// pointers may. `above_wild_return(function, value)` says of `value` that it is its return address.
// `below_wild_frame(function, value)` says that its frame is where the frame pointer points, which is `value`.
std::arch::global_asm!(
    ".macro wild name, cfa",
    ".globl \\name",
    ".type \\name, @function",
    "\\name:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "push rsi",
    "push rsi",
    ".cfi_def_cfa_offset 32",
    "\\cfa",
    "mov rbp, rsi",
    "call rdi",
    "add rsp, 16",
    ".cfi_def_cfa rsp, 16",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size \\name, . - \\name",
    ".endm",
    "wild with_frame_pointer, \".cfi_def_cfa rsp, 32\"",
    "wild above_wild_return, \".cfi_def_cfa rsp, 8\"",
    "wild below_wild_frame, \".cfi_def_cfa rbp, 16\"",
);

type Call = unsafe extern "C" fn(extern "C" fn(), usize);

unsafe extern "C" {
    fn with_frame_pointer(function: extern "C" fn(), value: usize);
    fn above_wild_return(function: extern "C" fn(), value: usize);
    fn below_wild_frame(function: extern "C" fn(), value: usize);
}

const BYTES: usize = 2345;

extern "C" fn allocate() {
    for size in [1, 100, 5000, 50_000] {
        drop(black_box(vec![1_u8; size]));
    }
    std::mem::forget(black_box(vec![1_u8; BYTES]));
}

static DATA: u64 = 5;

/// Words that a register or a slot may hold by chance: numbers, data, stack, code of others, code of its own.
fn wild_words() -> Vec<usize> {
    let (here, heap) = (0_u64, Box::new(0_u64));
    let (stack, heap) = ((&raw const here) as usize, (&raw const *heap) as usize);
    let code = [
        libc::memcpy as *const () as usize,
        allocate as *const () as usize,
        below_wild_frame as *const () as usize,
    ];
    let mut words =
        vec![1, 8, 4096, 0xDEAD_BEEF_DEAD_BEEF, usize::MAX, usize::MAX - 7, 1 << 47, (1 << 47) - 8];
    words.extend([
        stack,
        stack + 1,
        stack - 4096,
        stack + (1 << 20),
        heap,
        heap + 3,
        (&raw const DATA) as usize,
    ]);
    words.extend(code.iter().flat_map(|code| [*code, code + 1, code + 5, code + 64]));
    words
}

/// Calls through `call` with each of the words; says how many stacks were cut short.
fn lost(call: Call, words: &[usize]) -> u64 {
    let before = alloc_tracer::stats().stacks_lost;
    for _ in 0..3 {
        for word in words {
            // SAFETY: the function keeps the contract of C calls, whatever the word is.
            unsafe { call(black_box(allocate), *word) };
        }
    }
    alloc_tracer::stats().stacks_lost - before
}

#[test]
fn rubbish_in_frame_pointers_and_return_addresses() {
    survives("wild_frames::rubbish_in_frame_pointers_and_return_addresses", || {
        let words = wild_words();
        let kept = 3 * words.len();
        let books = Books::open();
        let calls = [with_frame_pointer as Call, above_wild_return, below_wild_frame];
        let lost = calls.map(|call| lost(call, &words));
        books.close(3 * kept, 3 * kept * BYTES);
        assert_eq!(lost[0], 0, "no rule needs the frame pointer there");
        if alloc_tracer::mode() == Mode::Exact {
            // Words that look like code may lead on to what looks like a stack's end.
            let sure = 3 * (words.len() - 12) as u64;
            assert!(lost[1] >= sure && lost[2] >= sure, "{lost:?}, {sure} at least");
        }
    });
}
