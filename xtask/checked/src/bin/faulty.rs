//! A program with one fault, which its argument names: a checker must see it with the tracer inside as it
//! does without.

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

const LAYOUT: Layout = Layout::new::<[u64; 9]>();

static mut SHARED: u64 = 0;

fn main() {
    let fault = std::env::args().nth(1).unwrap_or_default();
    let block = black_box(block());
    // SAFETY: none. Each arm but the last breaks a rule on purpose, in a program that does nothing else.
    unsafe {
        match fault.as_str() {
            "use-after-free" => {
                ALLOC.dealloc(block, LAYOUT);
                println!("{}", block.read_volatile());
            }
            "double-free" => {
                ALLOC.dealloc(block, LAYOUT);
                ALLOC.dealloc(block, LAYOUT);
            }
            // The first byte behind the block.
            "one-past-the-end" => block.add(LAYOUT.size()).write_volatile(1),
            // Behind the eight bytes in which exact mode writes its tag.
            "far-past-the-end" => block.add(LAYOUT.size() + 8).write_volatile(1),
            "uninitialised" => println!("{}", if block.read_volatile() == 7 { "seven" } else { "another" }),
            "leak" => forget(block),
            "race" => race(),
            _ => ALLOC.dealloc(block, LAYOUT),
        }
    }
}

#[inline(never)]
fn block() -> *mut u8 {
    // SAFETY: the layout has a size.
    unsafe { ALLOC.alloc(LAYOUT) }
}

/// Overwrites what is left of the block's address on the stack.
#[inline(never)]
fn forget(block: *mut u8) {
    assert!(!block.is_null());
    black_box([0_u64; 256]);
}

fn race() {
    extern "C" fn add(_: *mut libc::c_void) -> *mut libc::c_void {
        for _ in 0..1000 {
            // SAFETY: none; that is the fault.
            unsafe { (&raw mut SHARED).write_volatile((&raw mut SHARED).read_volatile() + 1) };
        }
        std::ptr::null_mut()
    }
    let mut id = 0;
    // SAFETY: the function lives for ever; the thread is waited for once.
    unsafe {
        assert_eq!(libc::pthread_create(&raw mut id, std::ptr::null(), add, std::ptr::null_mut()), 0);
        add(std::ptr::null_mut());
        assert_eq!(libc::pthread_join(id, std::ptr::null_mut()), 0);
    }
}
