//! A value removed from its map lives on where an `Arc` of it was cloned: here in a log.
//!
//! Kept: every session that was ever opened, with its history, by the audit log's records; the map is empty.
//! Why: the map held one reference of several. A record that only wants to say whose session it was holds the
//! whole of it, and a value lives until its last reference goes.
//! inuse_space: one tower fills the width, `SessionStore::open` down to `load_history`: histories. No frame
//! of hashbrown's is left, since the map is empty and shrunk. `AuditLog::record`, which keeps it all, is a
//! sliver, the vector of its records: to clone an `Arc` allocates nothing. The picture says what is kept and
//! `Arc::strong_count` that somebody has it; who that is, the code that clones it says.
//! alloc_space: the same tower, beside it a narrow one for the map's table, which was given back; it looks
//! the same once the leak is fixed.
//! Fix: let the record hold what it says, the id (`copy-id`), or a `Weak` (`weak`), which lets the history go
//! but keeps the block that the `Arc` made, here 48 bytes, until the record goes as well.
//! Broken by: `tests/demos/held_elsewhere.rs`.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};

use alloc_tracer::size::Count;

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "held-elsewhere",
    row: "D10",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 10_000, unit: "sessions of 4 KiB" },
    leaks: &["leaky"],
    fixes: &["copy-id", "weak"],
    source: include_str!("held_elsewhere.rs"),
    run,
};

const HISTORY_BYTES: usize = 4 << 10;

// The core.
struct Session {
    id: u64,
    history: Vec<u8>,
}

#[derive(Default)]
struct SessionStore {
    sessions: HashMap<u64, Arc<Session>>,
}

impl SessionStore {
    // Never inlined, like `load_history`: the pictures must name these frames.
    #[inline(never)]
    fn open(&mut self, id: u64) -> Arc<Session> {
        let session = Arc::new(Session { id, history: load_history(id) });
        self.sessions.insert(id, Arc::clone(&session));
        session
    }

    fn close_all(&mut self) {
        self.sessions.clear();
        self.sessions.shrink_to_fit();
    }
}

#[inline(never)]
fn load_history(id: u64) -> Vec<u8> {
    vec![id as u8; HISTORY_BYTES]
}

/// Whose session a record of the log is about.
enum Subject {
    Session(Arc<Session>),
    Weak(Weak<Session>),
    Id(u64),
}

#[derive(Default)]
struct AuditLog {
    records: Vec<Subject>,
}

impl AuditLog {
    #[inline(never)]
    fn record(&mut self, session: &Arc<Session>, variant: &str) {
        self.records.push(match variant {
            "copy-id" => Subject::Id(session.id),             // fix
            "weak" => Subject::Weak(Arc::downgrade(session)), // fix
            _ => Subject::Session(Arc::clone(session)),       // leak
        });
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let (mut store, mut log) = (SessionStore::default(), AuditLog::default());
    for id in 0..size as u64 {
        let session = store.open(id);
        log.record(&session, variant);
    }
    let opened = Count::from(store.sessions.len());
    ledger.line(format_args!("{opened} sessions opened:"), "held by the program")?;

    let watched: Vec<Weak<Session>> = store.sessions.values().map(Arc::downgrade).collect();
    store.close_all();
    let alive = Count::from(watched.iter().filter_map(Weak::upgrade).count());
    let references = Count::from(watched.iter().map(Weak::strong_count).sum::<usize>());
    // They would keep blocks of their own from being counted out.
    drop(watched);
    let (left, room) = (Count::from(store.sessions.len()), store.sessions.capacity());
    ledger.line(
        format_args!("all closed, the map has {left} sessions and room for {room}:"),
        "held by the program",
    )?;
    let logged = Count::from(log.records.iter().filter(|subject| subject.keeps_session()).count());
    ledger.say(format_args!(
        "{alive} sessions alive, with {references} references, {logged} of them the log's"
    ))?;
    let known = Count::from(log.records.iter().filter(|subject| subject.id().is_some()).count());
    ledger.say(format_args!("{known} records of the log still say whose session it was"))?;
    Ok(Box::new((store, log)))
}

impl Subject {
    fn keeps_session(&self) -> bool {
        matches!(self, Subject::Session(session) if session.history.len() == HISTORY_BYTES)
    }

    fn id(&self) -> Option<u64> {
        match self {
            Subject::Session(session) => Some(session.id),
            Subject::Weak(session) => session.upgrade().map(|session| session.id),
            Subject::Id(id) => Some(*id),
        }
    }
}
