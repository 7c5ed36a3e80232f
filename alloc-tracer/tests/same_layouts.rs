//! An inner allocator that is told a block's layout when it is freed gets the one it was asked with, whatever
//! the tracer put around the block, in every mode and across changes of mode; and no block loses a byte.
#![cfg(feature = "profile")]

mod child_process;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use alloc_tracer::{AllocTracer, Mode};
use child_process::{plays, role};

#[global_allocator]
static ALLOC: AllocTracer<Strict> = AllocTracer::new(Strict);

/// Writes each block's layout in front of it, and stops the process at the first free or reallocation
/// that names another one.
struct Strict;

static CHECKED: AtomicU64 = AtomicU64::new(0);
static TAGGED: AtomicU64 = AtomicU64::new(0);
static APART: AtomicU64 = AtomicU64::new(0);

const MARK: usize = 0x5A5A_1234_8765_A5A5;

/// A size class as jemalloc has them: blocks of 512 bytes at multiples of 512, whatever the alignment; the
/// last one that was given back comes first.
fn is_class(layout: Layout) -> bool {
    (257..=512).contains(&layout.size()) && layout.align() <= 512
}

static FREE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// The room in front of a block: three words, and a multiple of the alignment.
fn front(layout: Layout) -> usize {
    if is_class(layout) { 512 } else { layout.align().max(32) }
}

fn whole(layout: Layout) -> Layout {
    if is_class(layout) {
        return Layout::from_size_align(1024, 512).expect("a valid layout");
    }
    Layout::from_size_align(layout.size() + front(layout), front(layout)).expect("tests ask for little")
}

// SAFETY: every block is the end of one of the system's, aligned as asked.
unsafe impl GlobalAlloc for Strict {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the layout has a size; the words in front are inside the block that the system gave, or
        // inside one of the class that was given back.
        unsafe {
            let mut block =
                if is_class(layout) { FREE.swap(ptr::null_mut(), Acquire) } else { ptr::null_mut() };
            if block.is_null() {
                block = System.alloc(whole(layout)).add(front(layout));
            }
            let words = block.cast::<usize>();
            words.sub(1).write(MARK);
            words.sub(2).write(layout.size());
            words.sub(3).write(layout.align());
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is one of `alloc`'s, or the check fails.
        unsafe {
            let words = block.cast::<usize>();
            let known = (words.sub(1).read(), words.sub(2).read(), words.sub(3).read());
            if known != (MARK, layout.size(), layout.align()) {
                libc::abort();
            }
            words.sub(1).write(0);
            CHECKED.fetch_add(1, Relaxed);
            APART.fetch_add(u64::from(layout.align() == 512), Relaxed);
            TAGGED.fetch_add(u64::from(layout.size() == TAGGED_SIZE + 8), Relaxed);
            if is_class(layout) && FREE.compare_exchange(ptr::null_mut(), block, Release, Relaxed).is_ok() {
                return;
            }
            System.dealloc(block.sub(front(layout)), whole(layout));
        }
    }
}

/// A size that the workload uses, and no other by 8 bytes more.
const TAGGED_SIZE: usize = 5003;

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
            1 => TAGGED_SIZE,
            2..6 => 1 + next(5000),
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
fn strict_role() {
    if !plays("strict_role") {
        return;
    }
    workload(20_000);
    for mode in [Mode::Exact, Mode::DEFAULT, Mode::Sampled { interval_bytes: 1000 }, Mode::Off, Mode::Exact] {
        alloc_tracer::set_mode(mode).unwrap();
        workload(5000);
    }
    let stats = alloc_tracer::stats();
    assert_eq!((stats.lost_blocks, stats.reentries), (0, 0), "{stats:?}");
    let [checked, tagged, apart] = [&CHECKED, &TAGGED, &APART].map(|count| count.load(Relaxed));
    eprintln!("checked={checked} tagged={} apart={}", tagged > 100, apart > 100);
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
        let output = role("capped_role", mode).output().unwrap();
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
        // SAFETY: the layout has a size, and each block is given back once: to `Strict` behind the tracer's
        // back, with what it was asked for, or to the tracer.
        unsafe {
            let block = std::alloc::alloc(layout);
            let asked_align = block.cast::<usize>().sub(3).read();
            apart += usize::from(asked_align == 512);
            match round % 2 {
                0 => Strict.dealloc(block, Layout::from_size_align_unchecked(480, asked_align)),
                _ => std::alloc::dealloc(block, layout),
            }
        }
    }
    eprintln!("apart={}", apart > 500);
}

#[test]
fn a_block_that_ended_unseen_does_not_lend_its_layout_to_the_next_one() {
    for mode in ["interval=40k", "mode=off"] {
        let output = role("ended_unseen_role", mode).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {} {text}", output.status);
        assert_eq!(text.contains("apart=true"), mode == "interval=40k", "{mode}: {text}");
    }
}

#[test]
fn an_inner_allocator_gets_every_block_back_by_the_layout_it_was_asked_with() {
    for (mode, seen) in [
        ("mode=exact", "tagged=true"),
        ("mode=exact,blocks=listed", "tagged=false"),
        ("mode=sampled,interval=40k", "tagged=false apart=true"),
        ("mode=sampled,interval=1k", "tagged=false"),
        ("mode=off", "tagged=false"),
    ] {
        let output = role("strict_role", mode).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {} {text}", output.status);
        assert!(text.contains(seen), "{mode}: {text}");
    }
}
