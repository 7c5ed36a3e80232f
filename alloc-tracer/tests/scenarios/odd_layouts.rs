//! Layouts that programs seldom ask for: nothing, a byte, every alignment, more than there is.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;

use crate::scenario::{Books, survives};

#[test]
fn values_without_a_size() {
    survives("odd_layouts::values_without_a_size", || {
        let before = alloc_tracer::stats();
        for _ in 0..100 {
            let mut nothing = black_box(vec![(); 1 << 40]);
            nothing.push(());
            black_box((nothing, Box::new(()), String::new(), vec![[0_u64; 0]; 100]));
        }
        let after = alloc_tracer::stats();
        assert_eq!((after.allocations, after.total_bytes), (before.allocations, before.total_bytes));
    });
}

/// Makes a block of dirty or zeroed bytes, writes it, grows it and shrinks it, and gives it back.
fn use_layout(layout: Layout) {
    let (align, size) = (layout.align(), layout.size());
    for make in [alloc as unsafe fn(Layout) -> *mut u8, alloc_zeroed] {
        let books = Books::open();
        // SAFETY: the layout has a size, and each block is used within the size that it has.
        unsafe {
            let block = black_box(make(layout));
            assert_eq!((block.is_null(), block.addr() % align), (false, 0), "{layout:?}");
            if make as usize == alloc_zeroed as unsafe fn(Layout) -> *mut u8 as usize {
                assert!(std::slice::from_raw_parts(block, size).iter().all(|byte| *byte == 0), "{layout:?}");
            }
            block.write_bytes(0x5A, size);
            books.close(1, size);
            let (mut block, mut now) = (block, layout);
            for new_size in [2 * size, 40_000, 40_001, size.div_ceil(2), 1] {
                let kept = now.size().min(new_size).min(size.div_ceil(2));
                block = black_box(realloc(block, now, new_size));
                now = Layout::from_size_align(new_size, align).unwrap();
                assert_eq!((block.is_null(), block.addr() % align), (false, 0), "{layout:?} to {new_size}");
                let bytes = std::slice::from_raw_parts(block, kept);
                assert!(bytes.iter().all(|byte| *byte == 0x5A), "{layout:?} to {new_size}");
                books.close(1, new_size);
            }
            dealloc(block, now);
        }
        books.close(0, 0);
    }
}

#[test]
fn every_alignment() {
    survives("odd_layouts::every_alignment", || {
        for align in (0..=22).map(|power| 1 << power) {
            for size in [1, 2, 100, 3000, 33_000] {
                use_layout(Layout::from_size_align(size, align).unwrap());
            }
        }
    });
}

#[test]
fn requests_for_more_than_there_is() {
    survives("odd_layouts::requests_for_more_than_there_is", || {
        let books = Books::open();
        for size in [1 << 40, (1 << 40) + 1, 1 << 46, 1 << 47, isize::MAX as usize - 4095] {
            let layout = Layout::from_size_align(size, 1).unwrap();
            // SAFETY: the layout has a size; what the system granted is given back by its layout.
            unsafe {
                let block = black_box(alloc(layout));
                books.close(usize::from(!block.is_null()), if block.is_null() { 0 } else { size });
                if !block.is_null() {
                    dealloc(block, layout);
                }
                let small = Layout::from_size_align(100, 1).unwrap();
                let block = black_box(alloc(small));
                block.write_bytes(3, 100);
                let grown = black_box(realloc(block, small, size));
                let (block, layout) = if grown.is_null() { (block, small) } else { (grown, layout) };
                books.close(1, layout.size());
                assert!(std::slice::from_raw_parts(block, 100).iter().all(|byte| *byte == 3));
                dealloc(block, layout);
            }
            let mut bytes = Vec::<u8>::new();
            assert!(bytes.try_reserve_exact(size).is_ok() || bytes.capacity() == 0);
        }
        books.close(0, 0);
    });
}
