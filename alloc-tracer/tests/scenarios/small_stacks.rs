//! Stacks with hardly more room than the program needs: where it runs without the tracer it must run with
//! it. Breaks with whatever takes stack in the recorder.

use std::hint::black_box;
use std::thread::Builder;

use alloc_tracer::Mode;

use crate::scenario::{Books, survives};

/// What an allocation takes of the stack, and the recorder besides. glibc, the standard library and this
/// function take a quarter of it in an optimised build, and half of it in a debug build.
const ROOM: usize = if cfg!(debug_assertions) { 4 << 10 } else { 2 << 10 };

/// Allocates, grows, shrinks and frees blocks of all kinds, and keeps one of 1,000 bytes.
fn work() -> Vec<u8> {
    for size in [1, 24, 500, 5000, 40_000, 300_000] {
        let mut block = black_box(vec![1_u8; size]);
        block.reserve_exact(size);
        drop(black_box(block));
        drop(black_box(vec![0_u8; size]));
    }
    let names: Vec<String> = (0..20).map(|n| format!("number {n}")).collect();
    assert_eq!(black_box(names).len(), 20);
    vec![7; 1000]
}

#[test]
fn threads_with_the_smallest_stacks() {
    survives("small_stacks::threads_with_the_smallest_stacks", || {
        // The standard library has done by then what it does once.
        let run = |bytes| {
            let threads = [(); 4].map(|()| Builder::new().stack_size(bytes).spawn(work).unwrap());
            threads.map(|thread| thread.join().unwrap())
        };
        drop(run(16 << 10));
        for bytes in [16 << 10, libc::PTHREAD_STACK_MIN + 4096] {
            let books = Books::open();
            let kept = run(bytes);
            assert!(kept.iter().all(|kept| *kept == [7; 1000]));
            books.close(4, 4000);
        }
    });
}

// `with_stack_pointer(function, stack_pointer)` calls `function()` there.
std::arch::global_asm!(
    ".globl with_stack_pointer",
    ".type with_stack_pointer, @function",
    "with_stack_pointer:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "mov rsp, rsi",
    "call rdi",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size with_stack_pointer, . - with_stack_pointer",
);

unsafe extern "C" {
    fn with_stack_pointer(function: extern "C" fn(), stack_pointer: usize);
}

extern "C" fn a_small_block() {
    drop(black_box(vec![1_u8; 100]));
}

extern "C" fn a_large_block() {
    drop(black_box(vec![1_u8; 100_000]));
}

extern "C" fn a_block_that_grows() {
    let mut block = black_box(vec![1_u8; 100]);
    block.reserve_exact(1000);
    drop(black_box(block));
}

const BLOCKS: [extern "C" fn(); 3] = [a_small_block, a_large_block, a_block_that_grows];

/// The lowest address of the calling thread's stack.
fn low_end() -> usize {
    let (mut low, mut bytes) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are written before they are read, and destroyed once.
    unsafe {
        let mut attributes = std::mem::zeroed();
        assert_eq!(libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes), 0);
        assert_eq!(libc::pthread_attr_getstack(&raw const attributes, &raw mut low, &raw mut bytes), 0);
        libc::pthread_attr_destroy(&raw mut attributes);
    }
    low as usize
}

#[test]
fn the_last_bytes_of_a_threads_stack() {
    survives("small_stacks::the_last_bytes_of_a_threads_stack", || {
        let at_the_end = || {
            let low = low_end();
            let (mut lost, rooms) = (Vec::new(), black_box(vec![ROOM, 64 << 10, ROOM]));
            // The first time nobody has walked past these callers yet, and there is no room to look them up.
            for room in rooms {
                let before = alloc_tracer::stats().stacks_lost;
                for function in black_box(BLOCKS) {
                    // SAFETY: below its own frames the thread has this much stack, which nothing uses.
                    unsafe { with_stack_pointer(function, low + room) };
                }
                lost.push(alloc_tracer::stats().stacks_lost - before);
            }
            let [unknown, with_room, known] = *lost else { unreachable!("three rooms") };
            assert_eq!(with_room, 0);
            if alloc_tracer::mode() == Mode::Exact {
                assert!(unknown >= 3, "{unknown} stacks were cut short");
                assert_eq!(known, 0);
            }
        };
        Builder::new().stack_size(256 << 10).spawn(at_the_end).unwrap().join().unwrap();
    });
}

extern "C" fn handler(_: i32) {
    BLOCKS.iter().for_each(|function| function());
}

#[test]
fn a_signal_stack_amidst_other_data() {
    survives("small_stacks::a_signal_stack_amidst_other_data", || {
        const BELOW: usize = 64 << 10;
        // SAFETY: asks for a number: what the kernel itself puts on a signal stack.
        let bytes = ROOM + unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
        let mut data = vec![0xA5_u8; BELOW + bytes];
        // SAFETY: the stack outlives its use, the handler has the type that it is installed with, and zeroes
        // are a valid `sigaction`. The signal is raised between allocations.
        unsafe {
            let start = data.as_mut_ptr().add(BELOW).cast();
            let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: bytes };
            let mut old = std::mem::zeroed();
            assert_eq!(libc::sigaltstack(&raw const stack, &raw mut old), 0);
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as extern "C" fn(i32) as usize;
            action.sa_flags = libc::SA_ONSTACK;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
            libc::raise(libc::SIGUSR1);
            assert_eq!(libc::sigaltstack(&raw const old, std::ptr::null_mut()), 0);
        }
        let touched = data[..BELOW].iter().rev().position(|byte| *byte == 0xA5);
        assert_eq!(touched, Some(0), "bytes below the signal stack were overwritten");
        assert!(data[..BELOW].iter().all(|byte| *byte == 0xA5));
    });
}
