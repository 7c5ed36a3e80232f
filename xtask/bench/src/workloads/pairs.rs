//! Allocate and free 64 bytes in a tight loop, on one thread or many. A unit is one pair.

use std::hint::black_box;
use std::thread;

use super::Workload;

/// Pairs, spread over threads.
pub(crate) struct Pairs {
    pub(crate) threads: usize,
}

impl Workload for Pairs {
    fn run(&mut self, units: u64) {
        if self.threads == 1 {
            return pairs(units);
        }
        let share = units / self.threads as u64;
        thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(move || pairs(share));
            }
        });
    }
}

#[inline(never)]
fn pairs(count: u64) {
    for _ in 0..count {
        black_box(Box::new([1_u8; 64]));
    }
}
