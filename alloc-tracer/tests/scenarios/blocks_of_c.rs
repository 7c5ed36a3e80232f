//! Blocks that cross between Rust and C, both ways, at volume and from several threads: all keep their bytes,
//! and the counters are off by exactly what C did unseen.

use std::hint::black_box;

use crate::scenario::{on_threads, rounds, survives};

/// Sizes from every way that a block may stand in: with a tag or set apart, on the edge of it, large.
fn size(round: usize) -> usize {
    let spread = 1 + round * 7919 % 3000;
    match round % 16 {
        0 => 32_700 + spread / 20,
        1 => 100_000 + spread,
        2 => 4090 + round % 12,
        _ => spread,
    }
}

fn fill(size: usize) -> u8 {
    (size % 251) as u8
}

fn made_by_rust(size: usize) -> *mut u8 {
    Box::into_raw(black_box(vec![fill(size); size].into_boxed_slice())).cast()
}

fn made_by_c(size: usize) -> *mut u8 {
    // SAFETY: `malloc` gives as many bytes as are written.
    unsafe {
        let block = libc::malloc(size).cast::<u8>();
        block.write_bytes(fill(size), size);
        block
    }
}

/// # Safety
/// The block has `size` bytes, begins with `filled` ones as its makers left them, and is nobody else's.
unsafe fn ended_by_rust(block: *mut u8, size: usize, filled: usize) {
    // SAFETY: by this function's contract; `malloc` and the system's allocator are one.
    let block = unsafe { Vec::from_raw_parts(block, size, size) };
    assert!(block[..filled].iter().all(|byte| *byte == fill(filled)));
    drop(black_box(block));
}

/// # Safety
/// As for [`ended_by_rust`].
unsafe fn ended_by_c(block: *mut u8, filled: usize) {
    // SAFETY: by this function's contract.
    unsafe {
        assert!(std::slice::from_raw_parts(block, filled).iter().all(|byte| *byte == fill(filled)));
        libc::free(black_box(block).cast());
    }
}

/// # Safety
/// The block has `size` bytes and is nobody else's; all of the new ones are written.
unsafe fn grown_by_rust(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: by this function's contract; the layout has a size.
    unsafe {
        let grown = std::alloc::realloc(block, std::alloc::Layout::array::<u8>(size).unwrap(), 2 * size);
        grown.add(size).write_bytes(0, size);
        grown
    }
}

/// # Safety
/// As for [`grown_by_rust`].
unsafe fn grown_by_c(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: by this function's contract.
    unsafe {
        let grown = libc::realloc(block.cast(), 2 * size).cast::<u8>();
        grown.add(size).write_bytes(0, size);
        grown
    }
}

/// All ways from one side to the other and back.
fn cross(round: usize) {
    let size = size(round);
    // SAFETY: each block goes from hand to hand with its size, and has one owner at a time.
    unsafe {
        ended_by_c(made_by_rust(size), size);
        ended_by_rust(made_by_c(size), size, size);
        ended_by_rust(grown_by_c(made_by_rust(size), size), 2 * size, size);
        ended_by_c(grown_by_rust(made_by_c(size), size), size);
        ended_by_c(grown_by_rust(grown_by_c(made_by_rust(size), size), 2 * size), size);
        ended_by_rust(grown_by_rust(grown_by_c(made_by_c(size), size), 2 * size), 4 * size, size);
    }
}

#[test]
fn both_ways_at_volume() {
    survives("blocks_of_c::both_ways_at_volume", || {
        let (threads, rounds) = (4, rounds(1000, 50_000));
        let before = alloc_tracer::stats();
        on_threads(threads, |_| (0..rounds).for_each(cross));
        let after = alloc_tracer::stats();
        let sizes = threads * (0..rounds).map(size).sum::<usize>();
        let count = (threads * rounds) as u64;
        assert_eq!(after.reallocations - before.reallocations, 3 * count);
        // Those of Rust, with a few for the threads themselves, which come and go.
        let own = after.allocations - before.allocations - 3 * count;
        assert_eq!(after.frees - before.frees, 3 * count + own);
        let change = i128::from(after.live_bytes) - i128::from(before.live_bytes);
        // Rust made blocks of s, s and s, grew them from s, 2 s and 2 s to twice that, and freed s, 2 s and 4 s:
        // 3 + 5 - 7.
        assert_eq!(change, sizes as i128);
    });
}
