//! Live blocks that are replaced at random. A unit is one replacement.

use std::hint::black_box;

use super::Workload;
use super::random::Random;

/// Blocks of 16 B to 8 KiB, of which the first byte is written.
pub(crate) struct Mix {
    random: Random,
    live: Vec<Vec<u8>>,
}

impl Mix {
    pub(crate) fn new(blocks: usize) -> Self {
        let mut random = Random::new();
        let live = (0..blocks).map(|_| block(&mut random)).collect();
        let mut mix = Mix { random, live };
        // The allocator's lists settle.
        mix.run(blocks as u64);
        mix
    }
}

impl Workload for Mix {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            let at = self.random.below(self.live.len());
            self.live[at] = block(&mut self.random);
        }
    }
}

#[inline(never)]
fn block(random: &mut Random) -> Vec<u8> {
    let mut block = Vec::with_capacity(16 + random.below(8177));
    block.push(1);
    black_box(block)
}

/// Blocks of 64 B, so that many of them fit into memory.
#[expect(clippy::vec_box, reason = "each block is to be an allocation of its own")]
pub(crate) struct Live {
    random: Random,
    live: Vec<Box<[u8; 64]>>,
}

impl Live {
    pub(crate) fn new(blocks: usize) -> Self {
        let live = (0..blocks).map(|_| Box::new([1_u8; 64])).collect();
        let mut live = Live { random: Random::new(), live };
        live.run(blocks as u64);
        live
    }
}

impl Workload for Live {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            let at = self.random.below(self.live.len());
            self.live[at] = black_box(Box::new([1_u8; 64]));
        }
    }
}
