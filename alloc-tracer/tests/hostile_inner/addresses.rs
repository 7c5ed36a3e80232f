//! Where the hostile allocator's blocks lie: one class of places for each power of two of sizes and each alignment,
//! half of the classes at the bottom of the address space and half near its top. A place that was given up goes to
//! the next allocation of its class, to one of another thread where there is one.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicU32, AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
};

/// Classes of 16 bytes to 128 KiB, at alignments of 1 to 512.
const SIZE_LOGS: [u32; 2] = [4, 17];
const ALIGN_LOGS: usize = 10;
const CLASSES: usize = (SIZE_LOGS[1] - SIZE_LOGS[0] + 1) as usize * ALIGN_LOGS;
const PLACES: usize = 1024;
const PAGE: usize = 4096;
/// Address space of a class; only pages that are written take up memory.
const SPAN: usize = PLACES * stride(1 << SIZE_LOGS[1]);
const ZONE_BYTES: usize = CLASSES / 2 * SPAN;

/// More threads than this may share an offer.
const OFFERS: usize = 16;

struct Class {
    /// An address that each thread gave up, on offer to all others.
    offers: [AtomicUsize; OFFERS],
    /// The first of the other free places, plus one, and above it a count of changes.
    free: AtomicU64,
    next: [AtomicU32; PLACES],
    fresh: AtomicUsize,
    /// The layout that each place was handed out with, see [`Place::layout`].
    layouts: [AtomicU64; PLACES],
}

static ALL: [Class; CLASSES] = [const {
    Class {
        offers: [const { AtomicUsize::new(0) }; OFFERS],
        free: AtomicU64::new(0),
        next: [const { AtomicU32::new(0) }; PLACES],
        fresh: AtomicUsize::new(0),
        layouts: [const { AtomicU64::new(0) }; PLACES],
    }
}; CLASSES];

/// A place of a class.
#[derive(Clone, Copy)]
pub(super) struct Place {
    class: usize,
    index: usize,
}

impl Place {
    /// A place for so many bytes at so large an alignment; `None` if they are in no class, or the class is full.
    /// With `better`, one that is aligned more than it was asked for comes first.
    pub(super) fn take(size: usize, align: usize, thread: usize, better: bool) -> Option<Place> {
        let class = class_of(size, align)?;
        let best = class_of(size, 1 << (ALIGN_LOGS - 1)).filter(|_| better);
        if let Some(place) = best.and_then(|best| Place::on_offer(best, thread)) {
            return Some(place);
        }
        if let Some(place) = Place::on_offer(class, thread) {
            return Some(place);
        }
        let Class { free, next, fresh, .. } = &ALL[class];
        let mut head = free.load(Acquire);
        while let Some(index) = (head as u32 as usize).checked_sub(1) {
            let rest = changed(head, next[index].load(Relaxed));
            match free.compare_exchange(head, rest, AcqRel, Acquire) {
                Ok(_) => return Some(Place { class, index }),
                Err(now) => head = now,
            }
        }
        let index =
            fresh.fetch_update(Relaxed, Relaxed, |index| (index < PLACES).then_some(index + 1)).ok()?;
        Some(Place { class, index })
    }

    /// A place that was just given up, by one of the other threads if possible.
    fn on_offer(class: usize, thread: usize) -> Option<Place> {
        let offers = (1..=OFFERS).map(|other| &ALL[class].offers[(thread + other) % OFFERS]);
        let mut taken = offers.filter(|offer| offer.load(Relaxed) != 0).map(|offer| offer.swap(0, AcqRel));
        taken.find(|address| *address != 0).and_then(Place::at)
    }

    /// The place that a block is at; `None` if the block lies elsewhere.
    pub(super) fn at(address: usize) -> Option<Place> {
        let in_zone = |zone: usize| Some(address.wrapping_sub(zones()[zone])).filter(|at| *at < ZONE_BYTES);
        let (zone, at) = (0..2).find_map(|zone| in_zone(zone).map(|at| (zone, at)))?;
        let class = at / SPAN * 2 + zone;
        Some(Place { class, index: at % SPAN / stride(capacity(class)) })
    }

    /// Offers the place to other threads. `true` if one of them took it before `patience` ran out.
    pub(super) fn give_up(self, thread: usize, mut patience: impl FnMut() -> bool) -> bool {
        let offer = &ALL[self.class].offers[thread % OFFERS];
        let before = offer.swap(self.address(), AcqRel);
        if let Some(before) = Place::at(before) {
            before.put_aside();
        }
        while offer.load(Relaxed) == self.address() {
            if !patience() {
                return false;
            }
        }
        true
    }

    fn put_aside(self) {
        let Class { free, next, .. } = &ALL[self.class];
        let mut head = free.load(Relaxed);
        loop {
            next[self.index].store(head as u32, Relaxed);
            match free.compare_exchange(head, changed(head, self.index as u32 + 1), AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Where a word about the block here is kept; 0 while there is none.
    pub(super) fn layout(self) -> &'static AtomicU64 {
        &ALL[self.class].layouts[self.index]
    }

    /// Whether a block of this size and alignment may take this place.
    pub(super) fn suits(self, size: usize, align: usize) -> bool {
        size <= capacity(self.class) && self.address().is_multiple_of(align)
    }

    /// The odd address of this place, always the same.
    pub(super) fn address(self) -> usize {
        let Place { class, index } = self;
        let (capacity, align) = (capacity(class), 1 << (class % ALIGN_LOGS));
        let page_end = (2 * PAGE).max(PAGE + capacity);
        let offset = match index % 5 {
            // Not a byte more aligned than it was asked for; an odd address where none was.
            0 => 1024 + align,
            // The largest block ends with its page.
            1 => page_end - capacity,
            // The middle of the largest block is where a page ends.
            2 => page_end - capacity / 2 / align * align,
            3 => PAGE,
            _ => PAGE + 512,
        };
        zones()[class % 2] + class / 2 * SPAN + index * stride(capacity) + offset
    }
}

/// Room for a block wherever its place begins, and for eight bytes on both sides of it.
const fn stride(capacity: usize) -> usize {
    4 * PAGE + 2 * capacity
}

fn capacity(class: usize) -> usize {
    1 << (SIZE_LOGS[0] as usize + class / ALIGN_LOGS)
}

fn class_of(size: usize, align: usize) -> Option<usize> {
    let size_log = size.max(align).next_power_of_two().ilog2().max(SIZE_LOGS[0]);
    let align_log = align.ilog2() as usize;
    let is_in_one = size_log <= SIZE_LOGS[1] && align_log < ALIGN_LOGS;
    is_in_one.then(|| (size_log - SIZE_LOGS[0]) as usize * ALIGN_LOGS + align_log)
}

/// A head of the free list that no earlier head equals.
fn changed(head: u64, first: u32) -> u64 {
    ((head >> 32) + 1) << 32 | u64::from(first)
}

/// Where the two halves of the classes begin: as low as the system allows, and just below where main's stack may
/// be; or, where others are there already, anywhere.
fn zones() -> &'static [usize; 2] {
    static ZONES: OnceLock<[usize; 2]> = OnceLock::new();
    ZONES.get_or_init(|| [0x20_0000, 0x7FF0_0000_0000].map(map_at))
}

fn map_at(address: usize) -> usize {
    let wanted = std::ptr::without_provenance_mut(address);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, over nothing that is mapped already.
    unsafe {
        let mut mapped = libc::mmap(wanted, ZONE_BYTES, 3, flags | libc::MAP_FIXED_NOREPLACE, -1, 0);
        if mapped == libc::MAP_FAILED {
            mapped = libc::mmap(std::ptr::null_mut(), ZONE_BYTES, 3, flags, -1, 0);
        }
        assert!(mapped != libc::MAP_FAILED, "no address space");
        mapped.expose_provenance()
    }
}
