//! A sparse collection gives its bytes back, to the byte; one that is not sparse, or swings around a quarter, costs
//! no allocation at all. Its own process: the tracer's counts must be this program's alone.

use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use alloc_tracer::AllocTracer;
use alloc_tracer::shrink::{Density, ShrinkSparse};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system();

/// The bytes that are live more than before, and how many times the allocator was asked, for what `make` makes.
fn measured<T>(make: impl FnOnce() -> T) -> (T, i64, u64) {
    let asked = |stats: &alloc_tracer::Stats| stats.allocations + stats.reallocations;
    let before = alloc_tracer::stats();
    let made = make();
    let after = alloc_tracer::stats();
    (made, after.live_bytes as i64 - before.live_bytes as i64, asked(&after) - asked(&before))
}

fn main() {
    a_sparse_map_gives_half_its_table_back();
    a_sparse_buffer_keeps_room_for_twice_its_items();
    what_was_emptied_holds_less_than_twice_the_floor();
    a_swing_around_a_quarter_asks_the_allocator_once();
    println!("shrink: ok");
}

/// hashbrown: a slot is a pair and a control byte, and one group of control bytes is repeated at the end.
/// Source: hashbrown, `src/raw.rs`, `TableLayout::calculate_layout_for`.
fn table_bytes(slots: usize) -> i64 {
    const GROUP_BYTES: usize = if cfg!(target_feature = "sse2") { 16 } else { 8 };
    (slots * (size_of::<(u64, [u8; 56])>() + 1) + GROUP_BYTES) as i64
}

fn a_sparse_map_gives_half_its_table_back() {
    const SLOTS: usize = 1 << 14;
    const ROOM: u64 = (SLOTS / 8 * 7) as u64;
    let fill = || (0..ROOM).map(|key| (key, [0_u8; 56])).collect::<HashMap<_, _>>();
    let (mut map, held, _) = measured(fill);
    assert_eq!(held, table_bytes(SLOTS));
    map.retain(|key, _| *key < ROOM / 4);
    let ((), given, asked) = measured(|| map.shrink_sparse());
    assert_eq!((given, asked), (0, 0), "exactly a quarter is not sparse");
    map.remove(&0);
    let ((), given, asked) = measured(|| map.shrink_sparse());
    assert_eq!((given, asked), (table_bytes(SLOTS / 2) - table_bytes(SLOTS), 1));
    assert!((1..ROOM / 4).all(|key| map.contains_key(&key)));
}

fn a_sparse_buffer_keeps_room_for_twice_its_items() {
    let (mut events, held, _) = measured(|| vec![0_u64; 100_000]);
    assert_eq!(held, 800_000);
    events.truncate(25_000);
    assert_eq!(measured(|| events.shrink_sparse()).1, 0);
    events.pop();
    assert_eq!(measured(|| events.shrink_sparse()).1, 8 * (2 * 24_999 + 1) - held);
    events.truncate(8_000);
    assert_eq!(measured(|| events.shrink_below(Density::EIGHTH)).1, 0, "a sixth of the room is used");
    assert_eq!(measured(|| events.shrink_sparse()).1, 8 * (2 * 8_000 + 1) - 8 * (2 * 24_999 + 1));
}

fn what_was_emptied_holds_less_than_twice_the_floor() {
    fn held_after(emptied: impl FnOnce() -> Box<dyn std::any::Any>) -> i64 {
        // The box of the collection itself is at most as large as a map with its hasher's keys.
        measured(emptied).1 - 64
    }
    macro_rules! emptied {
        ($full:expr) => {
            held_after(|| {
                let mut collection = $full;
                collection.clear();
                collection.shrink_sparse();
                Box::new(collection)
            })
        };
    }
    let numbers = || 0..50_000_u64;
    let held = [
        emptied!(numbers().collect::<Vec<_>>()),
        emptied!(numbers().collect::<VecDeque<_>>()),
        emptied!(numbers().collect::<BinaryHeap<_>>()),
        emptied!(numbers().collect::<HashSet<_>>()),
        emptied!(numbers().map(|number| (number, number)).collect::<HashMap<_, _>>()),
        emptied!("text".repeat(10_000)),
    ];
    assert!(held.iter().all(|bytes| (1..8 << 10).contains(bytes)), "{held:?}");
}

fn a_swing_around_a_quarter_asks_the_allocator_once() {
    const ROOM: u64 = (1 << 14) / 8 * 7;
    let mut map: HashMap<u64, u64> = (0..ROOM).map(|key| (key, key)).collect();
    map.retain(|key, _| *key < ROOM / 4);
    let ((), given, asked) = measured(|| {
        for swing in 0..1000 {
            let keys = ROOM / 4 - 1 - swing % 50..ROOM / 4;
            for key in keys.clone() {
                map.remove(&key);
                map.shrink_sparse();
            }
            map.extend(keys.map(|key| (key, key)));
        }
    });
    assert_eq!(asked, 1);
    assert!(given < 0);
}
