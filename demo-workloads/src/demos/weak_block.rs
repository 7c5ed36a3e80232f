//! A `Weak<[u8]>` keeps the memory of a value that is dead.
//!
//! Kept: the block of every thumbnail that was ever shown, by a cache of weak references, after the last page closed.
//! Why: an `Arc` puts its two counts and the value into one block. The last `Arc` drops the value; the block goes with
//! the last `Weak`, which still needs the counts. What lies inside the block (a slice, a `str`, an array) stays
//! allocated, and what the value had allocated elsewhere is free.
//! inuse_space: one tower fills the width, `load_thumbnail` down to the `From<Vec>` of `Arc`, although no thumbnail can
//! be reached any more: `upgrade` returns `None` for each. A profile cannot tell a dead block from a live one; the
//! cache's `strong_count` can.
//! alloc_space: twice as much, since `Arc::from(vec)` copies; it looks the same once dead entries are swept.
//! Fix: sweep dead entries now and then: `by_id.retain(|_, thumbnail| thumbnail.strong_count() > 0)` (`sweep`); or hold
//! the bytes at one remove, `Weak<Box<[u8]>>` (`boxed`): the bytes go with the last `Arc`, and of each dead entry two
//! counts and a pointer with its length stay, 32 bytes.
//! Broken by: `tests/demos/weak_block.rs`.

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};

use alloc_tracer::size::Count;

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "weak-block",
    row: "S3",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 1024, unit: "thumbnails of 64 KiB" },
    leaks: &["leaky"],
    fixes: &["sweep", "boxed"],
    source: include_str!("weak_block.rs"),
    run,
};

const THUMBNAIL_BYTES: usize = 64 << 10;

// The core.
/// Lends each thumbnail out as long as some page shows it, and keeps none alive by itself.
struct ThumbnailCache<T: ?Sized> {
    by_id: HashMap<u64, Weak<T>>,
}

impl<T: ?Sized> ThumbnailCache<T> {
    fn show(&mut self, id: u64, load: fn(u64) -> Arc<T>) -> Arc<T> {
        if let Some(shown) = self.by_id.get(&id).and_then(Weak::upgrade) {
            return shown;
        }
        let loaded = load(id);
        self.by_id.insert(id, Arc::downgrade(&loaded)); // leak
        loaded
    }

    fn sweep(&mut self) {
        self.by_id.retain(|_, thumbnail| thumbnail.strong_count() > 0); // fix
    }
}

// Never inlined: these frames are the ones that the pictures must name.
#[inline(never)]
fn load_thumbnail(id: u64) -> Arc<[u8]> {
    Arc::from(vec![id as u8; THUMBNAIL_BYTES])
}

#[inline(never)]
fn load_boxed_thumbnail(id: u64) -> Arc<Box<[u8]>> {
    Arc::new(vec![id as u8; THUMBNAIL_BYTES].into_boxed_slice()) // fix
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    match variant {
        "boxed" => show_and_close(load_boxed_thumbnail, variant, size, ledger),
        _ => show_and_close(load_thumbnail, variant, size, ledger),
    }
}

fn show_and_close<T: ?Sized + Any>(
    load: fn(u64) -> Arc<T>,
    variant: &str,
    size: usize,
    ledger: &mut Ledger,
) -> io::Result<Held> {
    let mut cache = ThumbnailCache { by_id: HashMap::new() };
    let page: Vec<Arc<T>> = (0..size as u64).map(|id| cache.show(id, load)).collect();
    // A second page that shows the same thumbnails allocates none.
    let second_page: Vec<Arc<T>> = (0..size as u64).map(|id| cache.show(id, load)).collect();
    let shown = Count::from(size);
    ledger.line(format_args!("{shown} thumbnails on two pages:"), "held by the program")?;

    drop((page, second_page));
    let alive = cache.by_id.values().filter_map(Weak::upgrade).count();
    ledger.line(format_args!("pages closed, {alive} thumbnails alive:"), "held by the program")?;
    if variant == "sweep" {
        cache.sweep();
        let entries = cache.by_id.len();
        ledger.line(format_args!("dead entries swept, {entries} left:"), "held by the program")?;
    }
    Ok(Box::new(cache))
}
