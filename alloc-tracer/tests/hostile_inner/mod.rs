//! An allocator that does to the tracer all that an allocator may do: it hands a freed address to another thread
//! at once, stops between any two of its steps, refuses, and returns addresses that no other allocator would. And
//! it ends the process when a block comes back by another layout than it was asked with, when a byte beside a block
//! was written, or when it is called from inside itself.

mod addresses;
mod stops;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};

use addresses::Place;
#[allow(unused_imports, reason = "each test file uses its own part of this module")]
pub(crate) use stops::{next_random, refuse_nth, stop_and_refuse};

/// The allocator.
pub(crate) struct Hostile;

/// Frees and reallocations that were still inside when another thread had the old address already.
pub(crate) static TAKEN_MEANWHILE: AtomicU64 = AtomicU64::new(0);

/// Calls that were refused.
pub(crate) static REFUSED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static LAST: Cell<Option<Layout>> = const { Cell::new(None) };
}

/// What the calling thread's last allocation or reallocation that succeeded was asked with.
pub(crate) fn last_layout() -> Layout {
    LAST.get().expect("this thread has allocated")
}

/// What stands on both sides of a block.
const EDGE: u64 = 0xED6E_0FB1_0C4B_ED6E;

// SAFETY: every block is a place of its own in a mapping of this allocator's, or inside one of the system's, of
// the size and at the alignment that was asked for.
unsafe impl GlobalAlloc for Hostile {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        inside(|| if refuses() { ptr::null_mut() } else { make(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        inside(|| {
            let block = if refuses() { ptr::null_mut() } else { make(layout) };
            if !block.is_null() {
                // SAFETY: the block was made just now and has so many bytes.
                unsafe { block.write_bytes(0, layout.size()) };
            }
            block
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives the block back.
        inside(|| unsafe { end(block, layout) });
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        inside(|| {
            if refuses() {
                return ptr::null_mut();
            }
            let resized = Layout::from_size_align(size, layout.align()).expect("the caller promises it");
            // SAFETY: the caller's block is of `layout`, or the check fails; a new one has room for what is copied.
            unsafe {
                let place = Place::at(block.addr()).filter(|place| place.suits(size, layout.align()));
                if let Some(place) = place
                    && stops::tossed()
                {
                    check_and_forget(block, layout);
                    begin(place, resized);
                    stops::stop();
                    return block;
                }
                let moved = make(resized);
                if moved.is_null() {
                    return moved;
                }
                moved.copy_from_nonoverlapping(block, size.min(layout.size()));
                end(block, layout);
                moved
            }
        })
    }
}

/// Runs a call; one from inside another one of the same thread is a fault.
fn inside<R>(call: impl FnOnce() -> R) -> R {
    if stops::set_inside(true) {
        fault(format_args!("called from inside itself"));
    }
    let result = call();
    stops::set_inside(false);
    result
}

fn refuses() -> bool {
    stops::stop();
    let is_refused = stops::refuses();
    if is_refused {
        stops::count(&REFUSED);
        stops::stop();
    }
    is_refused
}

fn make(layout: Layout) -> *mut u8 {
    let block = match Place::take(layout.size(), layout.align(), stops::thread(), stops::tossed()) {
        Some(place) => {
            if place.layout().load(Relaxed) != 0 {
                fault(format_args!("{:#x} was on offer and is in use", place.address()));
            }
            begin(place, layout);
            ptr::with_exposed_provenance_mut(place.address())
        }
        // SAFETY: the layout has a size.
        None => unsafe { make_elsewhere(layout) },
    };
    stops::stop();
    block
}

/// Notes the layout of the block that begins at a place, and what stands on both sides of it.
fn begin(place: Place, layout: Layout) {
    LAST.set(Some(layout));
    place.layout().store(packed(layout), Relaxed);
    let block: *mut u8 = ptr::with_exposed_provenance_mut(place.address());
    // SAFETY: a place has room for eight bytes on both sides of a block.
    unsafe {
        block.sub(8).cast::<u64>().write_unaligned(EDGE);
        block.add(layout.size()).cast::<u64>().write_unaligned(EDGE);
    }
}

/// # Safety
/// The block is given up.
unsafe fn end(block: *mut u8, layout: Layout) {
    stops::stop();
    // SAFETY: by this function's contract.
    unsafe { check_and_forget(block, layout) };
    let Some(place) = Place::at(block.addr()) else {
        // SAFETY: the block is one of `make_elsewhere`'s, of this layout: it was checked.
        return unsafe { System.dealloc(block.sub(front(layout)), whole(layout)) };
    };
    if place.give_up(stops::thread(), stops::patience()) {
        stops::count(&TAKEN_MEANWHILE);
    }
    stops::stop();
}

/// # Safety
/// The block is live, or the check fails.
unsafe fn check_and_forget(block: *mut u8, told: Layout) {
    let place = Place::at(block.addr());
    let known = match place {
        Some(place) if place.address() != block.addr() => 0,
        Some(place) => place.layout().swap(0, AcqRel),
        // SAFETY: the word is inside what the system gave.
        None => unsafe { block.cast::<u64>().sub(1).replace(0) },
    };
    if known != packed(told) {
        let (size, align_log) = (known >> 8, known & 0xFF);
        fault(format_args!(
            "{block:?} was asked for with {size} at 2^{align_log}, and came back as {told:?}"
        ));
    }
    if place.is_some() {
        // SAFETY: as in `begin`.
        let [front, back] = unsafe { [block.sub(8), block.add(told.size())] }
            .map(|edge| unsafe { edge.cast::<u64>().read_unaligned() });
        if (front, back) != (EDGE, EDGE) {
            fault(format_args!("{block:?} of {told:?} has {front:#x} before it and {back:#x} behind it"));
        }
    }
}

/// A block of the system's with its layout in front of it, for what fits into no class.
///
/// # Safety
/// The layout has a size.
unsafe fn make_elsewhere(layout: Layout) -> *mut u8 {
    LAST.set(Some(layout));
    // SAFETY: by this function's contract; the word in front is inside the block and aligned.
    unsafe {
        let block = System.alloc(whole(layout));
        if block.is_null() {
            return block;
        }
        let block = block.add(front(layout));
        block.cast::<u64>().sub(1).write(packed(layout));
        block
    }
}

fn front(layout: Layout) -> usize {
    layout.align().max(16)
}

fn whole(layout: Layout) -> Layout {
    Layout::from_size_align(layout.size() + front(layout), front(layout)).expect("tests ask for little")
}

/// A layout in one word, which is never 0.
fn packed(layout: Layout) -> u64 {
    (layout.size() as u64) << 8 | u64::from(layout.align().ilog2())
}

/// Says what is wrong, without allocating, and ends the process.
#[cold]
fn fault(what: std::fmt::Arguments) -> ! {
    let mut text = [0_u8; 300];
    let mut rest = &mut text[..];
    let _ = writeln!(rest, "hostile allocator: {what}");
    let length = 300 - rest.len();
    // SAFETY: the bytes are there.
    unsafe {
        libc::write(2, text.as_ptr().cast(), length);
        libc::abort()
    }
}
