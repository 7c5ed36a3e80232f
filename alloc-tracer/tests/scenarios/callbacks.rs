//! C that calls Rust back: allocations in the callback have the callers beyond C's frames on their stacks.

use std::cmp::Ordering;
use std::ffi::c_void;
use std::hint::black_box;

use alloc_tracer::Mode;

use crate::scenario::{Books, survives};

const BYTES: usize = 3457;

/// Compares two numbers by way of the heap, and keeps a block each time.
extern "C" fn compare(a: *const c_void, b: *const c_void) -> i32 {
    // SAFETY: `sort_by_c` passes elements of this type.
    let pair = unsafe { [*a.cast::<u32>(), *b.cast::<u32>()] };
    let words = pair.map(|number| black_box(format!("{number:010}")));
    std::mem::forget(black_box(vec![0_u8; BYTES]));
    match words[0].cmp(&words[1]) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

#[inline(never)]
fn sort_by_c(numbers: &mut [u32]) {
    // SAFETY: the slice has so many elements of four bytes, and `compare` takes two of them.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), 4, Some(compare)) };
    black_box(numbers);
}

#[test]
fn qsort_with_a_comparison_that_allocates() {
    survives("callbacks::qsort_with_a_comparison_that_allocates", || {
        let numbers: Vec<u32> = (0..2000).map(|n| n * 7919 % 2003).collect();
        let (mut by_c, mut by_rust) = (numbers.clone(), numbers);
        by_rust.sort_unstable();
        let books = Books::open();
        let before = alloc_tracer::stats();
        sort_by_c(&mut by_c);
        let comparisons = (alloc_tracer::stats().allocations - before.allocations) as usize / 3;
        assert_eq!(by_c, by_rust);
        assert!(comparisons > 2000, "{comparisons} comparisons");
        books.close(comparisons, comparisons * BYTES);
        if alloc_tracer::mode() == Mode::Exact {
            let snapshot = alloc_tracer::snapshot();
            assert_eq!(snapshot.stats.stacks_lost, 0);
            let kept = snapshot.profile_without_symbols().samples().count();
            assert!(kept > 0);
            assert_eq!(
                bytes_below(&snapshot, &["callbacks::compare", "callbacks::sort_by_c"]),
                comparisons * BYTES
            );
        }
    });
}

/// Bytes in use on stacks that have all of these functions.
fn bytes_below(snapshot: &alloc_tracer::Snapshot, functions: &[&str]) -> usize {
    let profile = snapshot.profile();
    let column = profile.column("inuse_space").unwrap();
    let samples = profile.samples().filter(|sample| {
        let lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
        let names: Vec<_> = lines.map(|line| profile.text(profile.function(line.function).name)).collect();
        functions.iter().all(|function| names.iter().any(|name| name.ends_with(function)))
    });
    samples.map(|sample| sample.values[column] as usize).sum()
}
