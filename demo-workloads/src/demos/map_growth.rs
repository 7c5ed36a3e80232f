//! A `HashMap` grows by doubling: for a moment the old and the new table are both there.
//!
//! Kept: nothing for ever, but half as much again as the map needs, while it grows: the moment at which a process
//! with a limit is killed, although what it keeps would fit.
//! Why: a table is at most 7/8 full. The next insertion allocates one of twice the size, moves every entry at once
//! and only then releases the old one. Tombstones count as full: where a table of constant length is in constant
//! use, an insertion that finds at most half of the limit in real entries sweeps the tombstones out where they are,
//! without an allocation; otherwise the table doubles although the map did not grow (hashbrown,
//! `src/raw.rs`, `bucket_mask_to_capacity` and `reserve_rehash_inner`).
//! inuse_space: the same table whichever way it came to be: `leaky` below `OrderIndex::add` and hashbrown's growth,
//! `with-capacity` below `OrderIndex::for_import`. The peak is in neither picture; it stands in the report.
//! alloc_space: `leaky`: twice the table below `OrderIndex::add`, all tables that ever were. `with-capacity`: the table
//! once.
//! Fix: `HashMap::with_capacity(count)` where the count is known; under churn, twice the number of entries.
//! Broken by: `tests/demos/map_growth.rs`.

use std::collections::HashMap;
use std::io;

use alloc_tracer::size::{Bytes, Count, percent};

use super::{Demo, Figure, Held, Size};
use crate::id_hash::IdHash;
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-growth",
    row: "D4",
    is_core: false,
    figure: Figure::AtPeak,
    size: Size { default: 1_000_000, unit: "orders" },
    leaks: &["leaky"],
    fixes: &["with-capacity"],
    source: include_str!("map_growth.rs"),
    run,
};

// The core.
struct Order {
    number: [u8; 40],
}

struct OrderIndex {
    orders: HashMap<u64, Order>,
}

impl OrderIndex {
    // Never inlined, like the others below: these frames are the ones that the pictures must name.
    #[inline(never)]
    fn for_import(orders: usize, variant: &str) -> Self {
        let orders = match variant {
            "with-capacity" => HashMap::with_capacity(orders), // fix
            _ => HashMap::new(),                               // leak
        };
        OrderIndex { orders }
    }

    #[inline(never)]
    fn add(&mut self, id: u64) {
        self.orders.insert(id, Order { number: [id as u8; 40] });
    }
}

/// Requests that wait for an answer. Their ids ascend and serve as their own hashes.
struct InFlight {
    requests: HashMap<u64, Order, IdHash>,
}

impl InFlight {
    #[inline(never)]
    fn with_room_for(requests: usize, variant: &str) -> Self {
        let requests = match variant {
            "with-capacity" => HashMap::with_capacity_and_hasher(2 * requests, IdHash::default()), // fix
            _ => HashMap::default(),                                                               // leak
        };
        InFlight { requests }
    }

    #[inline(never)]
    fn send(&mut self, id: u64) {
        self.requests.insert(id, Order { number: [id as u8; 40] });
    }

    fn answer(&mut self, id: u64) {
        let order = self.requests.remove(&id);
        debug_assert!(order.is_some_and(|order| order.number[0] == id as u8));
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let index = import(variant, size, ledger)?;
    // One order in a hundred is being asked for at any time, and each of them once.
    churn(variant, size.div_ceil(100), size, ledger)?;
    Ok(Box::new(index))
}

fn import(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<OrderIndex> {
    ledger.say(format_args!(
        "{:>12} {:>9} {:>12} {:>12} {:>14}",
        "orders", "of slots", "old table", "new table", "both at once"
    ))?;
    let allocations_before = alloc_tracer::stats().allocations;
    let mut index = OrderIndex::for_import(size, variant);
    let (mut peak_bytes, mut moved) = (ledger.held_bytes(), 0);
    if peak_bytes > 0 {
        print_growth(ledger, 0, 0, peak_bytes)?;
    }
    for id in 0..size as u64 {
        let orders = index.orders.len();
        if orders < index.orders.capacity() {
            index.add(id);
            continue;
        }
        // No order was ever removed, so this insertion grows the table.
        let (old_bytes, total_before) = (ledger.held_bytes(), alloc_tracer::stats().total_bytes);
        index.add(id);
        let new_bytes = alloc_tracer::stats().total_bytes - total_before;
        print_growth(ledger, orders, old_bytes, new_bytes)?;
        peak_bytes = peak_bytes.max(old_bytes + new_bytes);
        moved = orders;
    }
    let tables = alloc_tracer::stats().allocations - allocations_before;
    let steady_bytes = ledger.held_bytes();
    let orders = Count::from(size);
    ledger.line(format_args!("orders: {orders}, tables made: {tables}, held now:"), "")?;
    let (peak, times) = (Bytes::unsigned(peak_bytes), peak_bytes as f64 / steady_bytes as f64);
    ledger.say(format_args!("at the peak: {peak}, {times:.2} times as much"))?;
    ledger.say(format_args!("orders moved by the last insertion that grew: {}", Count::from(moved)))?;
    let stats = alloc_tracer::stats();
    let [seen, error] = [stats.peak_live_bytes, stats.peak_error_bytes].map(Bytes::unsigned);
    ledger.this_run(format_args!("the tracer saw a peak of {seen} (within {error})"))?;
    Ok(index)
}

fn print_growth(ledger: &mut Ledger, orders: usize, old_bytes: u64, new_bytes: u64) -> io::Result<()> {
    let [old, new, both] = [old_bytes, new_bytes, old_bytes + new_bytes].map(Bytes::unsigned);
    // As many as a table may hold are more than half of its slots, whose number is a power of two.
    let full = percent(orders as i64, orders.next_power_of_two() as i64);
    let orders = Count::from(orders);
    ledger.say(format_args!("{orders:>12} {full:>7.1} % {old:>12} {new:>12} {both:>14}"))
}

/// Every request takes the place of the oldest: the map's length never changes.
fn churn(variant: &str, in_flight: usize, requests: usize, ledger: &mut Ledger) -> io::Result<()> {
    let held_before = ledger.held_bytes();
    let mut waiting = InFlight::with_room_for(in_flight, variant);
    for id in 0..in_flight as u64 {
        waiting.send(id);
    }
    let bytes_before = Bytes::unsigned(ledger.held_bytes() - held_before);
    let allocations_before = alloc_tracer::stats().allocations;
    let mut rises = 0;
    for id in 0..requests as u64 {
        waiting.answer(id);
        let capacity = waiting.requests.capacity();
        waiting.send(id + in_flight as u64);
        // An insertion takes a slot and adds an entry, which leaves the sum as it is, unless tombstones went.
        rises += u64::from(waiting.requests.capacity() > capacity);
    }
    let growths = alloc_tracer::stats().allocations - allocations_before;
    let bytes = Bytes::unsigned(ledger.held_bytes() - held_before);
    let (requests, in_flight) = (Count::from(requests), Count::from(in_flight));
    ledger.say(format_args!(
        "requests: {requests}, {in_flight} of them at any time: their table {bytes_before}, then {bytes};"
    ))?;
    let swept = rises - growths;
    ledger.say(format_args!("growth: {growths}, tombstones swept out in place: {swept} times"))
}
