//! `remove` empties a `HashMap` and keeps its table.
//!
//! Kept: the table of the busiest hour, in a session store whose sessions have all expired and were removed.
//! Why: `remove`, `clear`, `retain` and `drain` empty slots and never return the table; no later use of
//! the map is promised to be smaller, so the table stays as large as it ever was.
//! inuse_space: one tower fills the width, `SessionStore::open` down to hashbrown's growth: a single block,
//! the table itself, as large as before the removals, although nobody is logged in.
//! alloc_space: the same tower, about twice as much: a table grows by doubling, and each smaller table that
//! was given back on the way counts there as well.
//! Fix: one line after a large expiry: `sessions.shrink_to_fit()` (`shrink`); rebuilding the map from what is left
//! (`rebuild`), `mem::take` (`take`) or dropping the store (`drop`) release the table as well.
//! Broken by: `tests/demos/map_delete.rs`.

use std::collections::HashMap;
use std::io;
use std::mem;

use alloc_tracer::size::Count;

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-delete",
    row: "D1",
    is_core: true,
    figure: Figure::Held,
    size: Size { default: 1_000_000, unit: "sessions" },
    leaks: &["leaky", "clear", "retain", "drain"],
    fixes: &["shrink", "rebuild", "take", "drop"],
    source: include_str!("map_delete.rs"),
    run,
};

// The core.
struct Session {
    token: [u8; 64],
}

/// Ids are given out in ascending order, so the oldest session is the one with the lowest id.
#[derive(Default)]
struct SessionStore {
    sessions: HashMap<u64, Session>,
    oldest_id: u64,
}

impl SessionStore {
    // Never inlined: this frame is the one that the pictures must name.
    #[inline(never)]
    fn open(&mut self, id: u64) {
        self.sessions.insert(id, Session { token: [id as u8; 64] });
    }

    /// `clear` and `drain` are for the hour when everyone's time is up.
    fn expire_before(&mut self, id: u64, variant: &str) {
        match variant {
            "clear" => self.sessions.clear(),                            // leak
            "retain" => self.sessions.retain(|&opened, _| opened >= id), // leak
            "drain" => self.sessions.drain().for_each(drop),             // leak
            _ => {
                for expired in self.oldest_id..id {
                    let session = self.sessions.remove(&expired); // leak
                    debug_assert!(session.is_some_and(|session| session.token[0] == expired as u8));
                }
            }
        }
        self.oldest_id = id;
    }

    fn after_large_expiry(&mut self, fix: &str) {
        match fix {
            "shrink" => self.sessions.shrink_to_fit(), // fix
            "rebuild" => self.sessions = mem::take(&mut self.sessions).into_iter().collect(), // fix
            "take" => drop(mem::take(&mut self.sessions)), // fix
            _ => {}
        }
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut store = SessionStore::default();
    for id in 0..size as u64 {
        store.open(id);
    }
    let stored = Count::from(store.sessions.len());
    ledger.line(format_args!("{stored} sessions stored:"), "held by the program")?;

    store.expire_before(size as u64, variant);
    let left = Count::from(store.sessions.len());
    let how = match variant {
        "clear" => " by clear()",
        "retain" => " by retain()",
        "drain" => " by drain()",
        _ => "",
    };
    ledger.line(format_args!("all removed{how}: {left} sessions, still"), "")?;

    if variant == "drop" {
        drop(store);
        ledger.line(format_args!("after drop of the whole store:"), "")?;
        return Ok(Box::new(()));
    }
    store.after_large_expiry(variant);
    match variant {
        "shrink" => ledger.line(format_args!("after shrink_to_fit:"), "")?,
        "rebuild" => ledger.line(format_args!("after a rebuild from the sessions that are left:"), "")?,
        "take" => ledger.line(format_args!("after mem::take:"), "")?,
        _ => ledger.line(format_args!("nothing shrinks the map:"), "kept for no session")?,
    }
    Ok(Box::new(store))
}
