//! `capacity()` of an emptied `HashMap` can say 0 while the whole table is held.
//!
//! Kept: the table of the largest backlog, by a queue whose tidy-up asks `capacity()` whether there is anything to
//! give back, and hears that there is nothing.
//! Why: `capacity()` is not the table's size: it is the entries plus the slots that may still be filled without
//! growth (hashbrown, `src/raw.rs`, `RawTable::capacity`). A slot removed from a run of sixteen full ones becomes a
//! tombstone, which is neither (`RawTableInner::erase`), so in a table that had been full `capacity()` falls with
//! every removal and always equals the number of entries: the emptier the map, the fuller it looks. That is so where
//! ids are their own hashes and lie side by side; std's hasher scatters them, and `capacity()` falls far, but not to 0.
//! inuse_space: one tower fills the width, `JobQueue::accept` down to hashbrown's growth: a single block, the table,
//! as large as when it was full. Believe the picture, not `capacity()`.
//! alloc_space: the same tower, twice as much, for the smaller tables on the way.
//! Fix: call `shrink_to_fit()` without asking `capacity()` (`shrink`): it compares the table's real size and does
//! nothing where nothing can be gained; or compare `len()` with the largest number of entries seen (`high-water`).
//! Broken by: `tests/demos/map_capacity.rs`.

use std::collections::HashMap;
use std::io;

use alloc_tracer::size::{Bytes, Count, percent};

use super::{Demo, Figure, Held, Size};
use crate::fixed_hash::FixedHasher;
use crate::id_hash::IdHash;
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-capacity",
    row: "D2",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 917_504, unit: "jobs, and as many more as the table has room for" },
    leaks: &["leaky"],
    fixes: &["shrink", "high-water"],
    source: include_str!("map_capacity.rs"),
    run,
};

/// Entries of the table that shows what another hasher makes of it.
const SCATTERED: usize = 7 << 11;
const ENTRY_BYTES: usize = size_of::<(u64, Job)>();

// The core.
struct Job {
    payload: [u8; 56],
}

#[derive(Default)]
struct JobQueue {
    /// Job ids are given out in ascending order and serve as their own hashes.
    jobs: HashMap<u64, Job, IdHash>,
    most_jobs: usize,
}

impl JobQueue {
    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn accept(&mut self, id: u64) {
        self.jobs.insert(id, Job { payload: [id as u8; 56] });
        self.most_jobs = self.most_jobs.max(self.jobs.len());
    }

    fn finish(&mut self, id: u64) {
        let job = self.jobs.remove(&id);
        debug_assert!(job.is_some_and(|job| job.payload[0] == id as u8));
    }

    /// Runs every minute.
    fn tidy_up(&mut self, variant: &str) {
        let is_sparse = match variant {
            "shrink" => true,                                     // fix
            "high-water" => 4 * self.jobs.len() < self.most_jobs, // fix
            _ => 4 * self.jobs.len() < self.jobs.capacity(),      // leak
        };
        if is_sparse {
            self.jobs.shrink_to_fit();
            self.most_jobs = self.jobs.len();
        }
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut queue = JobQueue::default();
    let mut accepted = 0;
    // A backlog that goes on until the table has no room left.
    while accepted < size || queue.jobs.len() < queue.jobs.capacity() {
        queue.accept(accepted as u64);
        accepted += 1;
    }
    ledger.say(format_args!(
        "{:<20} {:>13} {:>13} {:>19} {:>12}",
        "", "jobs", "capacity()", "capacity() × entry", "the block"
    ))?;
    print_row(ledger, "all accepted", &queue)?;
    let mut finished = 0;
    for (quarters, state) in
        [(1, "1/4 finished"), (2, "1/2 finished"), (3, "3/4 finished"), (4, "all finished")]
    {
        let until = accepted * quarters / 4;
        for id in finished..until {
            queue.finish(id as u64);
        }
        finished = until;
        print_row(ledger, state, &queue)?;
    }

    queue.tidy_up(variant);
    print_row(ledger, "after the tidy-up", &queue)?;
    match variant {
        "shrink" => ledger.line(format_args!("shrink_to_fit asked nobody:"), "kept for no job")?,
        "high-water" => ledger.line(
            format_args!("0 jobs are fewer than a quarter of the most there were: shrunk,"),
            "kept for no job",
        )?,
        _ => ledger.line(format_args!("the tidy-up asked capacity():"), "kept for no job")?,
    }

    let allocations_before = alloc_tracer::stats().allocations;
    queue.accept(accepted as u64);
    let allocations = alloc_tracer::stats().allocations - allocations_before;
    print_row(ledger, "one more accepted", &queue)?;
    ledger.say(format_args!("allocations that it took: {allocations}"))?;
    let (limit, left) = under_stds_hasher();
    let share = percent(left as i64, limit as i64);
    let (limit, left) = (Count::from(limit), Count::from(left));
    ledger.say(format_args!(
        "under std's hasher a full table of {limit} says {left} ({share:.1} %) once all are removed"
    ))?;
    Ok(Box::new(queue))
}

/// What `capacity()` says of a full table and after all entries were removed, where the entries lie scattered.
fn under_stds_hasher() -> (usize, usize) {
    let mut entries: HashMap<u64, (), FixedHasher> = HashMap::default();
    entries.reserve(SCATTERED);
    let limit = entries.capacity();
    entries.extend((0..limit as u64).map(|id| (id, ())));
    for id in 0..limit as u64 {
        entries.remove(&id);
    }
    (limit, entries.capacity())
}

/// The table is the only block that the queue has, so what the tracer counts is the block's size.
fn print_row(ledger: &mut Ledger, state: &str, queue: &JobQueue) -> io::Result<()> {
    let block = Bytes::unsigned(ledger.held_bytes());
    let (jobs, capacity) = (queue.jobs.len(), queue.jobs.capacity());
    let computed = Bytes::unsigned((capacity * ENTRY_BYTES) as u64);
    ledger.say(format_args!(
        "{state:<20} {:>13} {:>13} {computed:>19} {block:>12}",
        Count::from(jobs),
        Count::from(capacity)
    ))
}
