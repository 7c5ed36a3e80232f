//! The larger the boxed values, the smaller the share that an emptied `HashMap` keeps.
//!
//! Kept: the table of a map of boxed readings, after every device was removed. The readings are gone.
//! Why: removal drops the value, here a box, which releases what it points to, and empties a slot, which releases
//! nothing. So what stays is table ÷ (table + boxed values): with 8 bytes of value most of it, with
//! 1 KiB next to nothing, and all of it where values lie in the table itself. "A map keeps 62 %" is true of one
//! size of value; the sweep below the figures finds it.
//! inuse_space: one tower fills the width, `LatestReadings::record` down to hashbrown's growth: the table.
//! `copy_payload`, which allocated every reading, is not there: its blocks have been released.
//! alloc_space: both towers: `copy_payload` with every reading, and the table, which counts twice because it
//! grew by doubling; beside them the small maps of `sweep`. A tower that is in this picture and not in the other one
//! is memory that does come back.
//! Fix: `shrink_to_fit()` after a large removal (`shrink`), or `mem::take` where nothing is left (`take`).
//! Broken by: `tests/demos/map_share.rs`.

use std::collections::HashMap;
use std::io;
use std::mem;

use alloc_tracer::size::{Bytes, Count, percent};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-share",
    row: "D3",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 64, unit: "bytes in the reading of each of 114,688 devices" },
    leaks: &["leaky"],
    fixes: &["shrink", "take"],
    source: include_str!("map_share.rs"),
    run,
};

/// As many as fit into 2^17 buckets, of which 7/8 may be full.
const DEVICES: usize = 7 << 14;
/// The same with 2^10 buckets, for the sweep: the share does not depend on the number of buckets, but on how many of
/// them are full.
const FULL_TABLE: usize = 7 << 7;
/// The smallest number of entries with which growth arrives at 2^10 buckets.
const GROWN_TABLE: usize = FULL_TABLE / 2 + 1;
/// The share that the sweep looks for.
const SOUGHT_PERCENT: usize = 62;

// The core.
type DeviceId = [u8; 16];

#[derive(Default)]
struct LatestReadings {
    by_device: HashMap<DeviceId, Box<[u8]>>,
}

impl LatestReadings {
    // Never inlined, like the next one: these frames are the ones that the pictures must name.
    #[inline(never)]
    fn record(&mut self, device: DeviceId, payload: &[u8]) {
        self.by_device.insert(device, copy_payload(payload));
    }

    fn disconnect(&mut self, device: DeviceId) {
        self.by_device.remove(&device); // leak
    }

    fn after_mass_disconnect(&mut self, fix: &str) {
        match fix {
            "shrink" => self.by_device.shrink_to_fit(),     // fix
            "take" => drop(mem::take(&mut self.by_device)), // fix
            _ => {}
        }
    }
}

#[inline(never)]
fn copy_payload(payload: &[u8]) -> Box<[u8]> {
    payload.into()
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let payload = vec![7; size];
    let held_before = ledger.held_bytes();
    let mut readings = LatestReadings::default();
    for device in 0..DEVICES {
        readings.record(device_id(device), &payload);
    }
    let full_bytes = ledger.held_bytes() - held_before;
    for device in 0..DEVICES {
        readings.disconnect(device_id(device));
    }
    let kept_bytes = ledger.held_bytes() - held_before;
    drop(payload);

    let (devices, bytes) = (Count::from(DEVICES), Count::from(size));
    let (full, kept) = (Bytes::unsigned(full_bytes), Bytes::unsigned(kept_bytes));
    ledger.say(format_args!("{devices} devices with a reading of {bytes} B each: {full}"))?;
    let share = percent(kept_bytes as i64, full_bytes as i64);
    ledger.say(format_args!("all disconnected: {kept}, which is {share:.1} %: the table"))?;
    readings.after_mass_disconnect(variant);
    let done = match variant {
        "shrink" => "after shrink_to_fit:",
        "take" => "after mem::take:",
        _ => "nothing shrinks the map:",
    };
    ledger.line(format_args!("{done}"), "held for no device")?;

    sweep(ledger)?;
    Ok(Box::new(readings))
}

/// What stays, by the size of the value and by how full the table was.
fn sweep(ledger: &mut Ledger) -> io::Result<()> {
    ledger.say(format_args!(
        "what stays after all are removed, of maps of {FULL_TABLE} and {GROWN_TABLE} devices:"
    ))?;
    ledger.say(format_args!("{:>10} {:>12} {:>12}", "a reading", "full table", "just grown"))?;
    for reading_bytes in [8, 16, 32, 64, 128, 256, 512, 1024] {
        print_shares(ledger, reading_bytes)?;
    }
    for (entries, state) in [(FULL_TABLE, "a full table"), (GROWN_TABLE, "a table that has just grown")] {
        // table ÷ (table + entries × size) ≥ sought, solved for the largest whole size.
        let (_, table_bytes) = full_and_emptied(ledger, entries, || boxed(1));
        let largest = table_bytes * (100 - SOUGHT_PERCENT) / SOUGHT_PERCENT / entries;
        ledger.say(format_args!("{SOUGHT_PERCENT} % stay of {state} with readings of up to {largest} B:"))?;
        print_shares(ledger, largest)?;
        print_shares(ledger, largest + 1)?;
    }
    let (full, emptied) = full_and_emptied(ledger, FULL_TABLE, || [7_u8; 64]);
    let share = percent(emptied as i64, full as i64);
    ledger.say(format_args!("with readings of 64 B inside the table {share:.1} % stay"))
}

fn print_shares(ledger: &mut Ledger, reading_bytes: usize) -> io::Result<()> {
    let share = |entries| {
        let (full, emptied) = full_and_emptied(ledger, entries, || boxed(reading_bytes));
        percent(emptied as i64, full as i64)
    };
    let (full, grown) = (share(FULL_TABLE), share(GROWN_TABLE));
    ledger.say(format_args!("{reading_bytes:>8} B {full:>10.1} % {grown:>10.1} %"))
}

/// The bytes that a map holds before and after its entries are removed.
fn full_and_emptied<V>(ledger: &Ledger, entries: usize, reading: impl Fn() -> V) -> (usize, usize) {
    let held_before = ledger.held_bytes();
    let mut readings = HashMap::new();
    for device in 0..entries {
        readings.insert(device_id(device), reading());
    }
    let full_bytes = ledger.held_bytes() - held_before;
    for device in 0..entries {
        readings.remove(&device_id(device));
    }
    (full_bytes as usize, (ledger.held_bytes() - held_before) as usize)
}

fn boxed(reading_bytes: usize) -> Box<[u8]> {
    vec![7; reading_bytes].into_boxed_slice()
}

fn device_id(device: usize) -> DeviceId {
    (device as u128).to_be_bytes()
}
