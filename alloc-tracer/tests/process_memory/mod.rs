//! One process whose memory is counted in three ways: as the tracer tells it, as the kernel sums it up elsewhere,
//! and as the test knows it. Names no allocator.

use std::fs;
use std::hint::black_box;

use alloc_tracer::{ProcessMemory, Reconciliation, process_memory};

pub(crate) const MIB: i64 = 1 << 20;

/// What the tracer says, after it was seen to add up.
pub(crate) fn sum() -> (ProcessMemory, Reconciliation) {
    let memory = process_memory().unwrap();
    let sum = memory.reconciliation();
    let claimed = sum.live + sum.slack + sum.free.unwrap_or(0) + sum.c_library;
    let rest = sum.tracer + sum.stacks + sum.files + sum.unexplained;
    assert_eq!(claimed - sum.absent + rest, sum.resident, "{sum:?}");
    assert!(sum.absent >= 0 && sum.unexplained >= 0, "{sum:?}");
    (memory, sum)
}

/// A figure of `/proc/self/<file>`, in bytes.
fn kernels(file: &str, field: &str) -> i64 {
    let text = fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() << 10
}

fn assert_near(what: &str, one: i64, other: i64, within: i64) {
    assert!((one - other).abs() <= within, "{what}: {one} and {other}");
}

/// The kernel's own sums are the same, but for what comes and goes in between.
pub(crate) fn the_kernel_says_the_same() {
    let (memory, sum) = sum();
    assert_near("rss", sum.resident, kernels("smaps_rollup", "Rss"), MIB);
    assert_near("pss", memory.proportional_bytes as i64, kernels("smaps_rollup", "Pss"), MIB);
    assert_near("anonymous", memory.anonymous_bytes as i64, kernels("smaps_rollup", "Anonymous"), MIB);
    assert_near("swap", memory.swapped_bytes as i64, kernels("status", "VmSwap"), MIB);
    assert_near("peak", memory.peak_resident_bytes as i64, kernels("status", "VmHWM"), MIB);
    assert!(memory.peak_resident_bytes >= memory.resident_bytes);
    assert!(memory.tracer_bytes > 0 && memory.tracer_bytes <= alloc_tracer::stats().tracer_mapped_bytes);
}

/// What allocators take beside a large block: tables of their own, and address space that is rounded up.
const ROUNDING: i64 = 16 * MIB;

/// A large block that was never written is live and in no page of memory; each written page is.
pub(crate) fn what_was_never_written_is_live_and_absent() {
    let before = sum().1;
    let mut zeroes = black_box(vec![0_u8; 64 << 20]);
    let untouched = sum().1;
    assert_near("live", untouched.live - before.live, 64 * MIB, 1 << 10);
    assert_near("resident", untouched.resident, before.resident, ROUNDING);
    assert_near("absent", untouched.absent - before.absent, 64 * MIB, ROUNDING);

    black_box(&mut zeroes).fill(1);
    let written = sum().1;
    assert_near("resident", written.resident - before.resident, 64 * MIB, ROUNDING);
    assert_near("absent", written.absent, before.absent, ROUNDING);
    assert_near("unexplained", written.unexplained, before.unexplained, ROUNDING);
}

/// Memory that a program maps by itself is nobody's, and said to be.
pub(crate) fn what_no_allocator_knows_of_is_unexplained() {
    const BYTES: usize = 32 << 20;
    let before = sum().1;
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address that the kernel chooses changes no other memory.
    let pages = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, protection, flags, -1, 0) };
    assert_ne!(pages, libc::MAP_FAILED);
    // SAFETY: the whole mapping is writable and nobody else knows it.
    unsafe { pages.cast::<u8>().write_bytes(1, BYTES) };
    let mapped = sum().1;
    let nowhere_else = (mapped.unexplained - before.unexplained) + (before.absent - mapped.absent);
    assert_near("unexplained", nowhere_else, 32 * MIB, ROUNDING);
    assert_near("live", mapped.live, before.live, ROUNDING);
    // SAFETY: the whole mapping, which nobody uses any more.
    unsafe { libc::munmap(pages, BYTES) };
}

/// A thread's stack counts as one, as far down as it was written.
pub(crate) fn a_deep_stack_is_a_stack() {
    #[inline(never)]
    fn deeper(levels: u32) -> i64 {
        let frame = black_box([levels as u8; 8 << 10]);
        let stacks = if levels == 0 { sum().1.stacks } else { deeper(levels - 1) };
        black_box(&frame);
        stacks
    }
    let before = sum().1.stacks;
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(|| {
        black_box(Box::new(1));
        deeper(512)
    });
    let deep = thread.unwrap().join().unwrap();
    assert!(
        (4 * MIB..10 * MIB).contains(&(deep - before)),
        "{before} before, {deep} below 512 frames of 8 KiB"
    );
}

/// Free memory goes back to the system where no live block is in its pages.
pub(crate) fn what_is_free_can_be_given_back(allocator: &str) {
    alloc_tracer::release_free_memory();
    let before = sum().1;
    let mut blocks: Vec<Box<[u8; 256]>> = (0..400_000).map(|_| black_box(Box::new([1; 256]))).collect();
    // glibc gives back the end of its heap by itself: a block that stays at the end prevents it.
    let last = blocks.pop();
    let (memory, full) = sum();
    assert!(full.resident - before.resident > 90 * MIB, "{before} {full}");
    // What the allocator has from the system is what the system has given it.
    let (claimed, heap) = (memory.allocator.unwrap().from_system_bytes as i64, memory.heap_bytes as i64);
    assert_near("from the system", claimed, heap, 2 * ROUNDING);
    drop(blocks);
    let freed = sum().1;
    let released = alloc_tracer::release_free_memory();
    assert_eq!(released.allocator, Some(allocator));
    let bytes = |resident: Option<u64>| i64::try_from(resident.unwrap()).unwrap();
    let (was, is) = (bytes(released.resident_bytes_before), bytes(released.resident_bytes_after));
    assert!(is <= was, "{released:?}");
    assert!(is - before.resident < 16 * MIB, "{before} {full} {released:?}");
    if allocator == "glibc" {
        assert!(was - is > 80 * MIB, "all was still there: {released:?}");
        // The block at the end of the heap stays, so what is gone is a hole below it.
        let hole = sum().1;
        assert!(freed.absent < 8 * MIB && hole.absent - freed.absent > 80 * MIB, "{freed} {hole}");
        assert_near("unexplained", hole.unexplained, freed.unexplained, MIB);
    }
    black_box(last);
}

/// Which allocator it is does not depend on what other threads do meanwhile.
pub(crate) fn the_allocator_is_known_while_threads_allocate(allocator: &str) {
    let ends = std::sync::atomic::AtomicBool::new(false);
    let ended = || ends.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !ended() {
                    black_box(vec![1_u8; 100_000]);
                }
            });
        }
        for _ in 0..30 {
            let memory = process_memory().unwrap();
            assert_eq!(
                memory.allocator.map(|found| found.name),
                Some(allocator),
                "{}",
                memory.reconciliation()
            );
        }
        ends.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
