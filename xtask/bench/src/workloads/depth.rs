//! Work below many frames.

use std::hint::black_box;

use super::Workload;

/// Other work, below so many frames more. The frames stay while the work goes on.
pub(crate) struct Below<W> {
    pub(crate) frames: usize,
    pub(crate) work: W,
}

impl<W: Workload> Workload for Below<W> {
    fn run(&mut self, units: u64) {
        below(self.frames, &mut || self.work.run(units));
    }
}

/// Descends and works at the bottom. The read after the call keeps it from being a jump.
#[inline(never)]
fn below(frames: usize, work: &mut dyn FnMut()) {
    match frames {
        0 => work(),
        _ => below(black_box(frames - 1), work),
    }
    black_box(&frames);
}

/// Goes down to the bottom and up again, allocating and freeing 64 B once in every frame on the way
/// down: between two allocations one frame changes. A unit is one allocation with its free.
pub(crate) struct Changing {
    pub(crate) frames: usize,
}

impl Workload for Changing {
    fn run(&mut self, units: u64) {
        for _ in 0..units / self.frames as u64 {
            down(self.frames);
        }
    }
}

#[inline(never)]
fn down(frames: usize) {
    black_box(Box::new([1_u8; 64]));
    if frames > 1 {
        down(black_box(frames - 1));
    }
    black_box(&frames);
}
