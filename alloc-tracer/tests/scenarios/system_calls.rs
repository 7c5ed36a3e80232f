//! What the tracer asks of the kernel while it records: nothing on a thread's own stack, and on a
//! coroutine's whether its pages can be read, which a sandbox may refuse.

use std::hint::black_box;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use alloc_tracer::{Gap, Mode};
use corosensei::{Coroutine, CoroutineResult};

use crate::child_process::{output_within_a_minute, plays, role};
use crate::filter::{self, Answer};
use crate::scenario::{MODES, survives};

static TRAPS: AtomicU64 = AtomicU64::new(0);
static LAST_CALL: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_trap(_: libc::c_int, about: *mut libc::siginfo_t, _: *mut libc::c_void) {
    TRAPS.fetch_add(1, Relaxed);
    // SAFETY: the kernel gives the handler of SIGSYS its own layout: three numbers, an address, the call.
    LAST_CALL.store(unsafe { about.cast::<i32>().add(6).read() }, Relaxed);
}

/// Makes the C library's allocator need nothing of the kernel later.
fn keep_all_memory() {
    // SAFETY: sets two limits, and no other thread is about to allocate.
    unsafe {
        assert_eq!(libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX), 1);
        assert_eq!(libc::mallopt(libc::M_MMAP_THRESHOLD, 16 << 20), 1);
    }
    drop((0..10_000).map(|_| black_box(vec![1_u8; 1000])).collect::<Vec<_>>());
}

/// Blocks of many sizes from a few depths; some live for a while, some are reallocated.
fn work(depth: u32, kept: &mut [Vec<u8>; 64], seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    let random = (*seed >> 33) as usize;
    let mut block = black_box(vec![1_u8; 1 + random % 4000]);
    block.reserve_exact(block.len() * (random % 3));
    kept[random % 64] = block;
    match depth {
        0 => 0,
        _ => black_box(work)(depth - 1, kept, seed) + 1,
    }
}

#[test]
fn recording_in_the_steady_state_makes_no_system_call() {
    let name = "system_calls::recording_in_the_steady_state_makes_no_system_call";
    if plays(name) {
        keep_all_memory();
        let (mut kept, mut seed) = ([const { Vec::new() }; 64], 1);
        // The same blocks from the same stacks twice: the second time nothing is new.
        let mut rounds = || (0..20_000).map(|round| work(round % 12, &mut kept, &mut seed)).sum::<u64>();
        rounds();
        // SAFETY: zeroes are a valid `sigaction`; the handler only writes to atomics.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_trap as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()), 0);
        }
        let ends = [libc::SYS_write, libc::SYS_exit_group, libc::SYS_rt_sigreturn];
        filter::install(&ends, Answer::Allow, Answer::Trap);
        rounds();
        let traps = TRAPS.load(Relaxed);
        // SAFETY: a call without arguments; it shows that the filter sees.
        unsafe { libc::syscall(libc::SYS_getppid) };
        let works = TRAPS.load(Relaxed) == traps + 1;
        println!("{traps} calls, the last {}; the filter works: {works}", LAST_CALL.load(Relaxed));
        // SAFETY: ends the process.
        unsafe { libc::_exit(6) };
    }
    for mode in MODES {
        let output = output_within_a_minute(role(name, mode));
        let words = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(6), "{mode}: {words}");
        assert!(words.contains("0 calls, ") && words.contains("works: true"), "{mode}: {words}");
    }
}

/// Allocates in a coroutine, above a frame that takes up several pages.
fn on_a_coroutines_stack() {
    let mut coroutine = Coroutine::new(|yielder, ()| {
        for bytes in 1..=BLOCKS {
            below_a_large_frame(bytes);
            yielder.suspend(());
        }
    });
    while let CoroutineResult::Yield(()) = coroutine.resume(()) {
        black_box(vec![1_u8; 10]);
    }
}

#[inline(never)]
fn below_a_large_frame(bytes: usize) {
    let room = black_box([0_u8; 20_000]);
    std::mem::forget(black_box(vec![1_u8; bytes]));
    black_box(&room);
}

/// The frames of the stack that allocated the coroutine's blocks, which ends where the coroutine begins.
fn coroutines_frames() -> usize {
    let snapshot = alloc_tracer::snapshot();
    let mut of_coroutine = snapshot
        .sites()
        .filter(|site| site.gap == Some(Gap::Lost) && site.values.alloc_objects.value >= BLOCKS as f64);
    let found = of_coroutine.next().expect("a stack that is not whole");
    assert!(of_coroutine.next().is_none());
    found.stack.len()
}

const BLOCKS: usize = 199;

#[test]
fn a_sandbox_that_refuses_to_say_what_can_be_read_costs_frames_of_coroutines_and_nothing_else() {
    survives(
        "system_calls::a_sandbox_that_refuses_to_say_what_can_be_read_costs_frames_of_coroutines_and_nothing_else",
        || {
            let refuse =
                || filter::install(&[libc::SYS_process_vm_readv], Answer::Errno(libc::EPERM), Answer::Allow);
            if alloc_tracer::mode() != Mode::Exact {
                refuse();
                return on_a_coroutines_stack();
            }
            alloc_tracer::reset();
            on_a_coroutines_stack();
            let allowed = coroutines_frames();
            alloc_tracer::reset();
            let before = alloc_tracer::stats();
            refuse();
            on_a_coroutines_stack();
            let after = alloc_tracer::stats();
            let counted = [after.stacks_lost - before.stacks_lost, after.live_blocks - before.live_blocks];
            assert!(counted.iter().all(|count| *count >= BLOCKS as u64), "{after:?}");
            let refused = coroutines_frames();
            assert!(refused < allowed, "{refused} frames, {allowed} where it may ask");
        },
    );
}
