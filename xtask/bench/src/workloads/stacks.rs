//! Pairs of 64 B at as many different call stacks as asked for, in random order. All stacks are equally
//! deep: six levels, on each of which one of ten functions calls one of ten. A unit is one pair, with
//! its six calls.

use std::hint::black_box;

use super::Workload;
use super::random::Random;

const LEVELS: usize = 6;

pub(crate) struct Stacks {
    random: Random,
    count: usize,
}

impl Stacks {
    pub(crate) fn new(count: usize) -> Self {
        let mut stacks = Stacks { random: Random::new(), count };
        // Every stack is met before it is measured.
        for path in 0..count {
            hop::<0>(path, LEVELS);
        }
        stacks.run(1);
        stacks
    }
}

impl Workload for Stacks {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            hop::<0>(self.random.below(self.count), LEVELS);
        }
    }
}

/// The number in the name makes ten functions of one, and is read, so that they stay ten.
#[inline(never)]
fn hop<const NAME: usize>(path: usize, levels: usize) {
    if levels == 0 {
        black_box(Box::new([1_u8; 64]));
    } else {
        let (path, digit, levels) = (path / 10, path % 10, levels - 1);
        match digit {
            0 => hop::<0>(path, levels),
            1 => hop::<1>(path, levels),
            2 => hop::<2>(path, levels),
            3 => hop::<3>(path, levels),
            4 => hop::<4>(path, levels),
            5 => hop::<5>(path, levels),
            6 => hop::<6>(path, levels),
            7 => hop::<7>(path, levels),
            8 => hop::<8>(path, levels),
            _ => hop::<9>(path, levels),
        }
    }
    black_box(NAME);
}
