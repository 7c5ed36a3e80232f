//! `remove` empties a `HashMap` and keeps its table.
//!
//! What leaks: a session store had a million sessions once, all have expired, and the table that
//! held them stays as large as it ever was. inuse_space must show the table under
//! `SessionStore::open` and hashbrown's growth, as large as before the removals; alloc_space shows
//! the smaller tables too, which growth has released. `capacity()` is not the memory: tombstones of
//! removed entries lower it while the table stays. Broken by: `tests/demos/map_delete.rs`.

use std::collections::HashMap;
use std::io;
use std::mem;

use alloc_tracer::size::Count;

use super::{Demo, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-delete",
    keeps: "a HashMap of sessions keeps its table after every session was removed",
    explanation: "\
A session store opens a session for each visitor and removes it when it expires. `HashMap::remove` empties \
a slot but never returns the table, so after the busiest hour the store holds as much memory for no \
session as it held for a million. Look at inuse_space first: one wide tower, `SessionStore::open` down to \
hashbrown's `reserve_rehash`, is the table itself, although nobody is logged in. In alloc_space the same \
tower counts about twice as much: a table grows by doubling, and each smaller table that was given back on \
the way counts there as well. The fix is one line after a large expiry, `sessions.shrink_to_fit()`; \
rebuilding the map from what is left, `mem::take` or dropping it work too. `capacity()` does not tell: it \
counts slots that can be filled, not bytes.",
    is_core: true,
    size: Size { default: 1_000_000, unit: "sessions" },
    leaks: &["leaky"],
    fixes: &["shrink", "rebuild", "take", "drop"],
    run,
};

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

    fn expire_before(&mut self, id: u64) {
        for expired in self.oldest_id..id {
            let session = self.sessions.remove(&expired);
            debug_assert!(session.is_some_and(|session| session.token[0] == expired as u8));
        }
        self.oldest_id = id;
    }

    fn after_large_expiry(&mut self, fix: &str) {
        match fix {
            "shrink" => self.sessions.shrink_to_fit(),
            "rebuild" => self.sessions = mem::take(&mut self.sessions).into_iter().collect(),
            "take" => drop(mem::take(&mut self.sessions)),
            _ => {}
        }
    }
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut store = SessionStore::default();
    for id in 0..size as u64 {
        store.open(id);
    }
    let stored = Count::from(store.sessions.len());
    ledger.line(format_args!("{stored} sessions stored:"), "held by the program")?;

    store.expire_before(size as u64);
    let left = Count::from(store.sessions.len());
    ledger.line(format_args!("all removed: {left} sessions, still"), "")?;

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
