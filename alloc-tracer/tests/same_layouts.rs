//! An inner allocator that is told a block's layout when it is freed gets the one it was asked with, also where the
//! tracer has no memory to note it and where C freed a block behind its back; and no block loses a byte. In all
//! modes and across changes of mode `hostile_storm.rs` shows the same.
#![cfg(feature = "profile")]

mod child_process;
mod hostile_inner;

use std::alloc::{GlobalAlloc, Layout};

use alloc_tracer::AllocTracer;
use child_process::{output_within_a_minute, plays, role};
use hostile_inner::{Hostile, last_layout};

#[global_allocator]
static ALLOC: AllocTracer<Hostile> = AllocTracer::new(Hostile);

struct Block {
    start: *mut u8,
    layout: Layout,
    filled_with: u8,
}

impl Block {
    fn new(size: usize, align: usize, zeroed: bool, filled_with: u8) -> Block {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: the layout has a size; the block is filled before it is read.
        unsafe {
            let start = if zeroed { std::alloc::alloc_zeroed(layout) } else { std::alloc::alloc(layout) };
            assert!(!zeroed || std::slice::from_raw_parts(start, size).iter().all(|byte| *byte == 0));
            assert!(start.addr().is_multiple_of(align));
            start.write_bytes(filled_with, size);
            Block { start, layout, filled_with }
        }
    }

    fn holds(&self, bytes: usize) -> bool {
        // SAFETY: the block has as many bytes, all written.
        let bytes = unsafe { std::slice::from_raw_parts(self.start, bytes) };
        bytes.iter().all(|byte| *byte == self.filled_with)
    }

    fn resize(&mut self, size: usize) {
        assert!(self.holds(self.layout.size()));
        // SAFETY: the block is live and has this layout; the new part is filled below.
        unsafe {
            self.start = std::alloc::realloc(self.start, self.layout, size);
            assert!(self.holds(size.min(self.layout.size())));
            self.start.write_bytes(self.filled_with, size);
        }
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        assert!(self.holds(self.layout.size()));
        // SAFETY: the block is live and has this layout.
        unsafe { std::alloc::dealloc(self.start, self.layout) };
    }
}

fn workload(rounds: u64) {
    let mut random = 9_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((random >> 33) % below) as usize
    };
    let mut blocks: Vec<Block> = Vec::new();
    for round in 0..rounds {
        let size = match next(20) {
            0 => 20_000 + next(40_000),
            1..6 => 1 + next(5000),
            _ => 1 + next(200),
        };
        match next(8) {
            0 if !blocks.is_empty() => {
                let at = next(blocks.len() as u64);
                blocks[at].resize(size);
            }
            1..5 if blocks.len() > 500 => drop(blocks.swap_remove(next(500))),
            _ => blocks.push(Block::new(size, 1 << next(13), next(3) == 0, round as u8)),
        }
    }
}

#[test]
fn capped_role() {
    if plays("capped_role") {
        workload(60_000);
        let stats = alloc_tracer::stats();
        eprintln!("lost={} refused={}", stats.lost_blocks > 0, stats.tracer_refusals > 0);
    }
}

#[test]
fn a_block_that_cannot_be_listed_is_given_back_as_it_was_asked_for() {
    for mode in ["interval=40k,max_memory=0", "interval=40k,max_memory=64k", "max_memory=64k"] {
        let output = output_within_a_minute(role("capped_role", mode));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {} {text}", output.status);
        assert!(text.contains("lost=true refused=true"), "{mode}: {text}");
    }
}

#[test]
fn ended_unseen_role() {
    if !plays("ended_unseen_role") {
        return;
    }
    let layout = Layout::from_size_align(480, 8).unwrap();
    let mut apart = 0;
    for round in 0..100_000 {
        // SAFETY: the layout has a size, and each block is given back once: to `Hostile` behind the tracer's
        // back, with what it was asked for, or to the tracer.
        unsafe {
            let block = std::alloc::alloc(layout);
            apart += usize::from(last_layout().align() == 512);
            match round % 2 {
                0 => Hostile.dealloc(block, last_layout()),
                _ => std::alloc::dealloc(block, layout),
            }
        }
    }
    eprintln!("apart={}", apart > 500);
}

#[test]
fn a_block_that_ended_unseen_does_not_lend_its_layout_to_the_next_one() {
    for mode in ["interval=40k", "mode=off"] {
        let output = output_within_a_minute(role("ended_unseen_role", mode));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {} {text}", output.status);
        assert_eq!(text.contains("apart=true"), mode == "interval=40k", "{mode}: {text}");
    }
}
