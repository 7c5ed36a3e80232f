//! Every stack is walked both ways, differentially and to its end, over millions of allocations of
//! several workloads, and the two never differ.
#![cfg(feature = "profile")]

mod child_process;

use std::collections::{BTreeMap, HashMap};

use alloc_tracer::AllocTracer;
use child_process::{output_within_a_minute, plays, role};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

/// A stack that goes up and down at random, with allocations at every depth, and frames whose sizes
/// depend on the data.
#[inline(never)]
fn wander(depth: u32, random: &mut u64, budget: &mut u32) -> u64 {
    let mut sum = 0;
    while *budget > 0 {
        *budget -= 1;
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let block = std::hint::black_box(vec![1_u8; 1 + (*random >> 60) as usize]);
        sum += block.len() as u64;
        match (*random >> 40) % 4 {
            0 if depth > 0 => return sum,
            1 if depth < 200 => sum += wander(depth + 1, random, budget),
            2 if depth < 200 => sum += wander_wide(depth + 1, random, budget),
            _ => {}
        }
    }
    sum
}

#[inline(never)]
fn wander_wide(depth: u32, random: &mut u64, budget: &mut u32) -> u64 {
    let pad = std::hint::black_box([*random; 40]);
    let boxed: Box<dyn Fn(u64) -> u64> = Box::new(move |n| n ^ pad[3]);
    boxed(1) & 1 | wander(depth, random, budget)
}

fn maps() -> usize {
    let mut lists: HashMap<String, Vec<String>> = HashMap::new();
    for i in 0..60_000 {
        lists.entry(format!("key {}", i % 700)).or_default().push(i.to_string());
    }
    let tree: BTreeMap<_, _> = lists.iter().map(|(key, list)| (key.clone(), list.join(","))).collect();
    lists.retain(|key, _| key.len() % 2 == 0);
    lists.len() + tree.len()
}

fn json() -> usize {
    let text = format!("[{}]", vec![r#"{"a":[1,2,{"b":"c"}],"d":null,"e":"fff"}"#; 8000].join(","));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value.to_string().len() + value.clone().as_array().unwrap().len()
}

fn panics() -> usize {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let caught = (0..2000_u64)
        .filter(|i| std::panic::catch_unwind(|| std::panic::panic_any(vec![*i; 3])).is_err())
        .count();
    std::panic::set_hook(quiet);
    caught
}

extern "C" fn compare(a: *const core::ffi::c_void, b: *const core::ffi::c_void) -> i32 {
    // SAFETY: qsort passes pointers to elements of an array of u64.
    let (a, b) = unsafe { (*a.cast::<u64>(), *b.cast::<u64>()) };
    std::hint::black_box(Box::new(a));
    a.cmp(&b) as i32
}

fn callbacks_from_c() -> usize {
    let mut numbers: Vec<u64> = (0..20_000_u64).map(|i| i.wrapping_mul(0x9E37_79B9) % 65_536).collect();
    // SAFETY: the pointer, length and size describe the vector; `compare` takes such elements.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), 8, Some(compare)) };
    usize::from(numbers.is_sorted())
}

#[test]
fn workloads() {
    if !plays("workloads") {
        return;
    }
    let run = || {
        let (mut random, mut budget) = (std::process::id().into(), 300_000);
        let walked = wander(0, &mut random, &mut budget);
        assert!(walked > 0 && maps() > 0 && json() > 0 && callbacks_from_c() == 1);
    };
    std::thread::scope(|scope| {
        scope.spawn(run);
        scope.spawn(run);
    });
    // Twice on one thread, with its stack as the first time left it.
    run();
    assert_eq!(panics(), 2000);
    let stats = alloc_tracer::stats();
    assert_eq!(stats.stack_mismatches, 0, "{stats:?}");
    assert_eq!((stats.stacks_lost, stats.reentries), (0, 0), "{stats:?}");
    assert!(stats.stacks_checked > 2_000_000, "{stats:?}");
    // Both ways are met often: by memory of the last walks, and by a walk to a joint with them.
    let from_memory = stats.stacks_checked_from_memory;
    assert!(from_memory > 1_000_000 && stats.stacks_checked - from_memory > 200_000, "{stats:?}");
}

#[test]
fn the_differential_walk_and_the_full_walk_never_differ() {
    let output = output_within_a_minute(role("workloads", "mode=exact,check=stacks"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

// `twice(one, other)` calls `one` from `inner` from `middle`, and then `other` from `inner` without
// `middle`. Both calls have their return address at the same place: `inner` leaves out as much more
// stack as there is less above it. The second time it does not write what it leaves out, so that the
// return addresses of the first time are still where they were:
//
//   twice  | return to twice | 24 bytes | return to middle | rbp | 64 bytes           | return to inner | one
//   twice  | 64 bytes, unwritten                       | return to twice | rbp | 32 | return to inner | other
//
// Only the frame pointer in `inner` tells the two stacks apart.
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl twice",
    ".type twice, @function",
    "twice:",
    ".cfi_startproc",
    "push rbx",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbx, -16",
    "mov rbx, rsi",
    "mov esi, 64",
    "call middle",
    "sub rsp, 64",
    ".cfi_def_cfa_offset 80",
    "mov rdi, rbx",
    "mov esi, 32",
    "call inner",
    "add rsp, 64",
    ".cfi_def_cfa_offset 16",
    "pop rbx",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    ".size twice, . - twice",
    ".type middle, @function",
    "middle:",
    ".cfi_startproc",
    "sub rsp, 24",
    ".cfi_def_cfa_offset 32",
    "call inner",
    "add rsp, 24",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    ".size middle, . - middle",
    ".type inner, @function",
    "inner:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "sub rsp, rsi",
    "call rdi",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size inner, . - inner",
);

#[cfg(target_arch = "x86_64")]
mod frame_pointers {
    use std::hint::black_box;

    unsafe extern "C" {
        pub(super) fn twice(one: extern "C" fn(), other: extern "C" fn());
    }

    pub(super) extern "C" fn one() {
        black_box(vec![1_u8; 10]);
    }

    /// Its frames have other places than those of `one`.
    pub(super) extern "C" fn other() {
        let room = black_box([0_u8; 200]);
        black_box(vec![1_u8; usize::from(room[7]) + 10]);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn equal_slots() {
    if plays("equal_slots") {
        // SAFETY: the functions are called without arguments, on this stack, and return.
        (0..10).for_each(|_| unsafe { frame_pointers::twice(frame_pointers::one, frame_pointers::other) });
        assert_eq!(alloc_tracer::stats().stack_mismatches, 0);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn stacks_that_differ_in_the_frame_pointer_only_are_told_apart() {
    let output = output_within_a_minute(role("equal_slots", "mode=exact,check=stacks"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
