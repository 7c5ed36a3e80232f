//! How much of a thread's stack the tracer takes: paints the stack below a call, makes the call, and
//! looks how far down the paint is gone. Prints a line for each kind of operation: bytes with the tracer,
//! bytes of the system's allocator alone; at last what the tracer says itself.
//! `xtask/tests/stack_budget.rs` runs it in every mode.

use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc, realloc};
use std::arch::asm;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[global_allocator]
static ALLOC: alloc_tracer::AllocTracer = alloc_tracer::AllocTracer::system();

const PAINTED_BYTES: usize = 48 << 10;
const PAINT: u64 = 0xA11C_0C5A_1D0B_5E55;

/// What the first operation of the process took, long before `main`.
static FIRST: AtomicUsize = AtomicUsize::new(0);

extern "C" fn before_main() {
    FIRST.store(traced(Layout::new::<[u64; 10]>()), Relaxed);
}

#[used]
#[unsafe(link_section = ".init_array.00001")]
static BEFORE_MAIN: extern "C" fn() = before_main;

fn main() {
    println!("{} 0 the first operation of the process", FIRST.load(Relaxed));
    let small = Layout::from_size_align(100, 8).unwrap();
    let large = Layout::from_size_align(100_000, 64).unwrap();
    on_a_thread("the first operation of a thread", small, |layout| [traced(layout), bare(layout)]);
    on_a_thread("past twenty functions not seen before", small, |layout| {
        traced(layout);
        [never_seen::<20>(layout), bare(layout)]
    });
    on_a_thread("past the same functions again", small, |layout| {
        let mut deepest = [0, 0];
        for _ in 0..2 {
            deepest = [never_seen::<20>(layout), bare(layout)];
        }
        deepest
    });
    on_a_thread("again from the same place", small, |layout| {
        let mut deepest = [0, 0];
        for _ in 0..100 {
            deepest = [traced(layout), bare(layout)];
        }
        deepest
    });
    on_a_thread("a large block, freed", large, |layout| [traced(layout), bare(layout)]);
    on_a_thread("a small block that grows past 32 KiB", small, |layout| {
        let grow = |grow: unsafe fn(*mut u8, Layout, usize) -> *mut u8, block| {
            let mut block = block;
            let mut size = layout.size();
            while size < 100_000 {
                // SAFETY: the block has this size; the new one is not zero.
                block = unsafe { grow(block, Layout::from_size_align(size, 8).unwrap(), 2 * size) };
                size *= 2;
            }
            (block, Layout::from_size_align(size, 8).unwrap())
        };
        // SAFETY: allocated and freed with one layout each.
        unsafe {
            let traced = stack_bytes(|| {
                let (block, layout) = grow(realloc, alloc(layout));
                dealloc(black_box(block), layout);
            });
            let bare = stack_bytes(|| {
                let (block, layout) = grow(realloc_bare, System.alloc(layout));
                System.dealloc(black_box(block), layout);
            });
            [traced, bare]
        }
    });
    println!("{} 0 as the tracer says", alloc_tracer::stats().tracer.recording_stack_bytes);
}

/// # Safety
/// As for [`GlobalAlloc::realloc`].
unsafe fn realloc_bare(block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: by this function's contract.
    unsafe { System.realloc(block, layout, size) }
}

fn on_a_thread(what: &str, layout: Layout, measure: fn(Layout) -> [usize; 2]) {
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || measure(layout));
    let [traced, bare] = thread.unwrap().join().unwrap();
    println!("{traced} {bare} {what}");
}

/// Stack bytes of allocating and freeing through the tracer.
fn traced(layout: Layout) -> usize {
    // SAFETY: the layout is not of size zero; freed with the same one.
    stack_bytes(|| unsafe { dealloc(black_box(alloc(layout)), layout) })
}

/// Stack bytes of allocating and freeing without it.
fn bare(layout: Layout) -> usize {
    // SAFETY: as above.
    stack_bytes(|| unsafe { System.dealloc(black_box(System.alloc(layout)), layout) })
}

/// Allocates below functions that nothing has walked past.
#[inline(never)]
fn never_seen<const N: usize>(layout: Layout) -> usize {
    macro_rules! one_more {
        ($($n:literal)*) => {
            match N { $($n => never_seen::<{ $n - 1 }>(layout),)* _ => traced(layout) }
        };
    }
    black_box(one_more!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20))
}

/// How many bytes below its own frame `act` wrote to.
#[inline(never)]
fn stack_bytes(mut act: impl FnMut()) -> usize {
    let mut stack: usize;
    // SAFETY: fills memory below the stack pointer, which is free for use, and on this thread's stack, which
    // has a mebibyte. No call is made meanwhile, and this function calls others, so it keeps nothing there.
    unsafe {
        asm!(
            "mov {stack}, rsp",
            "lea rdi, [rsp - {bytes}]",
            "rep stosq",
            stack = out(reg) stack,
            bytes = const PAINTED_BYTES,
            in("rax") PAINT,
            inout("rcx") PAINTED_BYTES / 8 => _,
            out("rdi") _,
        );
    }
    act();
    let lowest = stack - PAINTED_BYTES;
    let word = |at: usize| {
        // SAFETY: aligned, between the painted end and the stack pointer, of this thread's own stack.
        unsafe { std::ptr::with_exposed_provenance::<u64>(at).read_volatile() }
    };
    let untouched = (lowest..stack).step_by(8).take_while(|at| word(*at) == PAINT).count() * 8;
    assert!(untouched > 0, "more than {PAINTED_BYTES} bytes");
    PAINTED_BYTES - untouched
}
