//! Memory that the program asks for and does not write takes up none.

use std::hint::black_box;

use crate::scenario::{Books, survives};

const GIB: usize = 1 << 30;

/// The memory that the process takes up, by the kernel's account.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_gibibyte_of_zeroes_takes_up_no_memory() {
    survives("untouched::a_gibibyte_of_zeroes_takes_up_no_memory", || {
        let (books, before) = (Books::open(), resident_bytes());
        let mut zeroes = black_box(vec![0_u8; GIB]);
        books.close(1, GIB);
        zeroes.reserve_exact(GIB);
        books.close(1, 2 * GIB);
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 4 << 20, "{grown} bytes");
        assert_eq!((zeroes[0], zeroes[GIB / 2], zeroes[GIB - 1]), (0, 0, 0));
        drop(black_box(zeroes));
        books.close(0, 0);
    });
}
