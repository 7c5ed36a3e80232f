//! Blocks that cross to C and back, in exact mode, where the tracer's own have a tag behind them: all keep
//! their bytes, C's are never taken for the tracer's, and the books are off by exactly what C did unseen.

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

fn main() {
    blocks_from_c_leave_the_books_alone();
    blocks_from_c_that_rust_grows_become_the_tracers();
    blocks_that_c_frees_stay_in_the_books();
    blocks_that_c_reallocates_come_back();
    println!("c_blocks: ok");
}

/// Blocks and bytes in use on all call stacks. A snapshot sees no more than its own few blocks besides.
fn in_use() -> (f64, f64) {
    let snapshot = alloc_tracer::snapshot();
    let sum =
        |value: fn(&alloc_tracer::SiteValues) -> f64| snapshot.sites().map(|site| value(&site.values)).sum();
    (sum(|values| values.inuse_objects.value), sum(|values| values.inuse_space.value))
}

/// `size` bytes that C allocated, all of them `7`.
fn from_c(size: usize) -> Vec<u8> {
    // SAFETY: `malloc` gives `size` bytes, aligned for everything, which are written before they are
    // read; the vector frees them through the system's allocator.
    unsafe {
        let block = libc::malloc(size).cast::<u8>();
        block.write_bytes(7, size);
        Vec::from_raw_parts(block, size, size)
    }
}

fn blocks_from_c_leave_the_books_alone() {
    let before = in_use();
    for size in 1..6000 {
        drop(from_c(size));
    }
    assert_eq!(in_use(), before);
}

fn blocks_from_c_that_rust_grows_become_the_tracers() {
    let before = in_use();
    for size in [1, 8, 24, 100, 1000, 4088, 4096, 40_000] {
        let mut grown = from_c(size);
        grown.reserve_exact(size);
        assert!(grown.iter().all(|byte| *byte == 7));
        let now = in_use();
        assert_eq!((now.0 - before.0, now.1 - before.1), (1.0, 2.0 * size as f64));
        drop(grown);
        assert_eq!(in_use(), before);
    }
}

fn blocks_that_c_frees_stay_in_the_books() {
    let before = in_use();
    for round in 0..1000_u64 {
        let block = Box::into_raw(Box::new([round; 8]));
        // SAFETY: with the system's allocator inside, the block came from `malloc`, and it is not used again.
        unsafe { libc::free(block.cast()) };
    }
    let now = in_use();
    assert_eq!((now.0 - before.0, now.1 - before.1), (1000.0, 64_000.0));
}

fn blocks_that_c_reallocates_come_back() {
    let before = in_use();
    for size in [1_usize, 64, 72, 500, 5000] {
        let block = vec![9_u8; size].leak().as_mut_ptr();
        // SAFETY: as above; `realloc` gives twice the bytes, of which the vector owns all.
        let grown = unsafe {
            let grown = libc::realloc(block.cast(), 2 * size).cast::<u8>();
            Vec::from_raw_parts(grown, size, 2 * size)
        };
        assert!(grown.iter().all(|byte| *byte == 9));
    }
    let now = in_use();
    // C's `realloc` was the end of five blocks that the tracer did not see.
    assert_eq!(now.0 - before.0, 5.0);
}
