//! Coroutines that allocate on stacks of their own, are switched to and fro and move between threads:
//! every byte is on a stack, the frames of the coroutine's function are in it, and what is remembered
//! of a thread's own stack stays right.
#![cfg(feature = "profile")]

mod child_process;
mod independent_count;

use std::ptr;
use std::sync::mpsc::channel;

use alloc_tracer::AllocTracer;
use child_process::{output_within_a_minute, plays, role};
use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use independent_count::{Counting, Truth};

#[global_allocator]
static ALLOC: Counting<AllocTracer> = Counting(AllocTracer::system().exact());

const COROUTINES: usize = 30;
const TURNS: usize = 60;
const THREADS: usize = 3;

/// A coroutine's stack between two pages of other data, which are mapped and no part of it.
struct BetweenData {
    start: usize,
    bytes: usize,
}

const PAGE: usize = 4096;

impl BetweenData {
    fn new(bytes: usize) -> BetweenData {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address of the kernel's choice, filled as far as it goes.
        let start = unsafe {
            let start = libc::mmap(
                ptr::null_mut(),
                bytes + 2 * PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            );
            assert_ne!(start, libc::MAP_FAILED);
            start.cast::<u8>().write_bytes(0x11, bytes + 2 * PAGE);
            start as usize
        };
        BetweenData { start, bytes }
    }
}

impl Drop for BetweenData {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing runs on it any more.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(self.start), self.bytes + 2 * PAGE) };
    }
}

// SAFETY: the pages between base and limit are mapped, writable and used for nothing else; what runs here
// is known not to need more.
unsafe impl Stack for BetweenData {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.start + PAGE + self.bytes).unwrap()
    }

    fn limit(&self) -> StackPointer {
        StackPointer::new(self.start + PAGE).unwrap()
    }
}

/// A coroutine that makes blocks, and the blocks it has made when it ends.
struct Maker(Coroutine<(), (), Vec<Vec<u8>>, BetweenData>);

// SAFETY: the coroutine's stack holds vectors, numbers and a yielder, none of which belongs to a thread, and
// one thread at a time has it.
unsafe impl Send for Maker {}

impl Maker {
    fn new(number: usize) -> Maker {
        // Stacks of several sizes, so that one of them comes to lie where parts of others were.
        let stack = BetweenData::new((32 + number % 5 * 16) << 10);
        Maker(Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            let mut kept = Vec::new();
            for turn in 0..TURNS {
                blocks_of_a_coroutine((number + turn) % 12, yielder, &mut kept);
            }
            kept
        }))
    }
}

/// Makes blocks at several depths, and yields in between.
#[inline(never)]
fn blocks_of_a_coroutine(depth: usize, yielder: &Yielder<(), ()>, kept: &mut Vec<Vec<u8>>) {
    let mut block = vec![1_u8; 100 + depth];
    if depth > 0 {
        blocks_of_a_coroutine(depth - 1, yielder, kept);
    } else {
        yielder.suspend(());
    }
    block.resize(300 + depth, 2);
    if depth.is_multiple_of(3) {
        kept.push(block);
    }
}

/// The same on a thread's own stack.
#[inline(never)]
fn blocks_of_a_thread(depth: usize, kept: &mut Vec<Vec<u8>>) {
    let mut block = vec![1_u8; 200 + depth];
    if depth > 0 {
        blocks_of_a_thread(depth - 1, kept);
    }
    block.resize(400 + depth, 2);
    if depth.is_multiple_of(8) {
        kept.push(block);
    }
}

/// Threads hand the coroutines round, each after one turn of it, and allocate in between.
fn workload() -> Vec<Vec<u8>> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel::<Maker>()).unzip();
    let (to_main, done) = channel::<Vec<Vec<u8>>>();
    for number in 0..COROUTINES {
        senders[number % THREADS].send(Maker::new(number)).unwrap();
    }
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(thread, receiver)| {
            let (to_next, to_main) = (senders[(thread + 1) % THREADS].clone(), to_main.clone());
            std::thread::spawn(move || {
                let mut kept = Vec::new();
                for (turn, mut maker) in receiver.iter().enumerate() {
                    blocks_of_a_thread(turn % 10, &mut kept);
                    match maker.0.resume(()) {
                        // The main thread ends the round when all are done; then nobody listens.
                        CoroutineResult::Yield(()) => drop(to_next.send(maker)),
                        CoroutineResult::Return(blocks) => to_main.send(blocks).unwrap(),
                    }
                    blocks_of_a_thread(turn % 7, &mut kept);
                    if turn == COROUTINES * (TURNS + 1) / THREADS - 1 {
                        break;
                    }
                }
                kept
            })
        })
        .collect();
    let mut kept: Vec<_> = done.iter().take(COROUTINES).flatten().collect();
    drop(senders);
    kept.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
    kept
}

fn held(snapshot: &alloc_tracer::Snapshot) -> f64 {
    snapshot.sites().map(|site| site.values.inuse_space.value).sum()
}

#[test]
fn scenario() {
    if !plays("scenario") {
        return;
    }
    let is_exact = alloc_tracer::mode() == alloc_tracer::Mode::Exact;
    let before = alloc_tracer::snapshot();
    let (stats_before, truth_before) = (alloc_tracer::stats(), Truth::now());
    let kept = workload();
    let (truth, stats) = (Truth::now().since(&truth_before), alloc_tracer::stats());
    let after = alloc_tracer::snapshot();

    assert_eq!(Truth::by_tracer(&stats_before, &stats), truth);
    assert_eq!((stats.reentries, stats.lost_blocks, stats.stack_mismatches), (0, 0, 0), "{stats:?}");
    for address in after.sites().flat_map(|site| site.stack) {
        let is_code = after.modules.iter().any(|module| (module.start..module.limit).contains(&address));
        assert!(is_code, "{address:#x} is no return address");
    }
    if is_exact {
        assert_eq!(held(&after) - held(&before), truth.live_bytes as f64);
    }
    let bytes_of = |function: &str| {
        let profile = after.profile();
        let column = profile.column("inuse_space").unwrap();
        let is_in = |sample: &alloc_tracer::profile::Sample| {
            let mut lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
            lines.any(|line| profile.text(profile.function(line.function).name).contains(function))
        };
        profile.samples().filter(is_in).map(|sample| sample.values[column]).sum::<i64>()
    };
    let kept_by_size = |sizes: std::ops::Range<usize>| -> usize {
        kept.iter().map(Vec::capacity).filter(|size| sizes.contains(size)).sum()
    };
    // A vector's buffer of 100 bytes grows to 300; those of the lists of blocks come on top.
    let (by_coroutines, by_threads) = (kept_by_size(300..400), kept_by_size(400..500));
    assert!(by_coroutines > 100_000 && by_threads > 100_000, "{by_coroutines} {by_threads}");
    let found = [bytes_of("blocks_of_a_coroutine"), bytes_of("blocks_of_a_thread")];
    let expected = [by_coroutines, by_threads].map(|bytes| bytes as f64);
    for (found, expected) in found.into_iter().zip(expected) {
        let surplus = found as f64 / expected - 1.0;
        let allowed = if is_exact { 0.0..0.2 } else { -0.3..0.5 };
        assert!(allowed.contains(&surplus), "{found} instead of {expected}");
    }
}

// `on_stack(top, function, bytes)` calls `lower(function, bytes)` on another stack, which ends there for an
// unwinder; `lower` calls `function()` with this many bytes of stack left out.
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl on_stack",
    ".type on_stack, @function",
    "on_stack:",
    ".cfi_startproc",
    ".cfi_undefined rip",
    "push rbx",
    "mov rbx, rsp",
    "mov rsp, rdi",
    "mov rdi, rsi",
    "mov rsi, rdx",
    "call lower",
    "mov rsp, rbx",
    "pop rbx",
    "ret",
    ".cfi_endproc",
    ".size on_stack, . - on_stack",
    ".type lower, @function",
    "lower:",
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
    ".size lower, . - lower",
);

#[cfg(target_arch = "x86_64")]
extern "C" fn allocate() {
    std::hint::black_box(vec![1_u8; 1000]);
}

/// Frames that are at the same place and have other callers: of what was read on the first stack only
/// the lower half is left.
#[cfg(target_arch = "x86_64")]
#[test]
fn smaller_stack() {
    unsafe extern "C" {
        fn on_stack(top: usize, function: extern "C" fn(), bytes: usize);
    }
    if !plays("smaller_stack") {
        return;
    }
    let half = 64 << 10;
    let stack = BetweenData::new(2 * half);
    let middle = stack.start + PAGE + half;
    // SAFETY: `allocate` has half a stack, which nothing else uses; the upper half is not touched after it
    // was taken away.
    unsafe {
        on_stack(middle + half, allocate, half);
        libc::mprotect(ptr::with_exposed_provenance_mut(middle), half + PAGE, libc::PROT_NONE);
        on_stack(middle, allocate, 0);
    }
    let stats = alloc_tracer::stats();
    assert_eq!((stats.stack_mismatches, stats.stacks_lost), (0, 0));
}

fn passes(scenario: &str, settings: &str) {
    let output = output_within_a_minute(role(scenario, settings));
    assert!(
        output.status.success(),
        "{settings}: {}, {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn exact_sums_are_exact_with_the_frames_of_the_coroutines() {
    passes("scenario", "mode=exact,check=stacks");
}

#[test]
fn samples_have_the_frames_of_the_coroutines() {
    passes("scenario", "interval=1k,check=stacks");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_stack_that_comes_back_smaller_is_not_read_where_it_was() {
    passes("smaller_stack", "mode=exact,check=stacks");
}
