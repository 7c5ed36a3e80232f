//! Maps shared between threads keep as much as plain ones, and copy-on-write keeps whole generations.
//!
//! Kept: the table of a session directory whose sessions have all expired: behind a `RwLock` one table, in a `DashMap`
//! one a shard (`dashmap`), behind an `ArcSwap` one for every old generation that a connection still holds.
//! Why: a lock decides who may remove, not what removal returns: `retain` keeps the table. Copy-on-write
//! publishes a new copy of the map with each change, and an old one lives until its last reader lets go.
//! inuse_space: one tower, `log_in_locked` or `log_in_sharded` down to hashbrown's `reserve_rehash`: tables
//! for no session. With `arc-swap` it is `publish_renewal` down to the `clone` of hashbrown's table, once for
//! each old generation alive; the connections that hold them allocate nothing and have no frame in the
//! picture.
//! alloc_space: with a lock or shards the same tower, about twice as much, for the smaller tables that growth
//! gave back; with `arc-swap` a table for each renewal, held or not: to renew one session copies all.
//! Fix: `shrink_to_fit` under the write lock after a large expiry (`rwlock-shrink`); `DashMap::shrink_to_fit`, which
//! locks one shard at a time (`dashmap-shrink`); with an `ArcSwap`, `load` for each look-up instead of holding what was
//! loaded once (`arc-swap-reload`).
//! Broken by: `tests/demos/map_shared.rs`.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, RwLock, Weak};

use alloc_tracer::size::Count;
use arc_swap::ArcSwap;
use dashmap::DashMap;

use super::{Demo, Figure, Held, Size};
use crate::fixed_hash::FixedHasher;
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "map-shared",
    row: "D7",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 200_000, unit: "sessions" },
    leaks: &["leaky", "dashmap", "arc-swap"],
    fixes: &["rwlock-shrink", "dashmap-shrink", "arc-swap-reload"],
    source: include_str!("map_shared.rs"),
    run,
};

/// `DashMap::new` takes four a processor, rounded up to a power of two (dashmap, `src/lib.rs`, `default_shard_amount`).
/// What this demo prints must not depend on the machine.
const SHARDS: usize = 16;
const RENEWALS: u64 = 8;
const RENEWALS_PER_CONNECTION: u64 = 2;
/// The virtual second at which all sessions have expired.
const EVENING: u64 = 86_400;

// The core.
#[derive(Clone)]
struct Session {
    token: [u8; 64],
    expires_at: u64,
}
type Sessions = HashMap<u64, Session, FixedHasher>;

// Never inlined, like `log_in_sharded` and `publish_renewal`: the pictures must name these frames.
#[inline(never)]
fn log_in_locked(sessions: &RwLock<Sessions>, id: u64, session: Session) {
    sessions.write().unwrap().insert(id, session);
}

fn expire_locked(sessions: &RwLock<Sessions>, now: u64, variant: &str) {
    let mut sessions = sessions.write().unwrap();
    sessions.retain(|_, session| session.expires_at > now); // leak
    if variant == "rwlock-shrink" {
        sessions.shrink_to_fit(); // fix
    }
}

#[inline(never)]
fn log_in_sharded(sessions: &DashMap<u64, Session, FixedHasher>, id: u64, session: Session) {
    sessions.insert(id, session);
}

fn expire_sharded(sessions: &DashMap<u64, Session, FixedHasher>, now: u64, variant: &str) {
    sessions.retain(|_, session| session.expires_at > now); // leak
    if variant == "dashmap-shrink" {
        sessions.shrink_to_fit(); // fix
    }
}

/// One state of the directory. A change publishes the next one; this one lives while someone holds it.
struct Generation {
    number: u64,
    sessions: Sessions,
}
type Directory = Arc<ArcSwap<Generation>>;

#[inline(never)]
fn publish_renewal(directory: &Directory, id: u64, expires_at: u64) {
    directory.rcu(|current| {
        let mut sessions = current.sessions.clone();
        sessions.entry(id).and_modify(|session| session.expires_at = expires_at);
        Generation { number: current.number + 1, sessions }
    });
}

fn publish_expiry(directory: &Directory, now: u64) {
    directory.rcu(|current| {
        let live = current.sessions.iter().filter(|(_, session)| session.expires_at > now);
        let sessions = live.map(|(id, session)| (*id, session.clone())).collect();
        Generation { number: current.number + 1, sessions }
    });
}

/// Where a connection, open for hours, looks its sessions up.
enum View {
    Pinned(Arc<Generation>), // leak
    Latest(Directory),
}

impl View {
    fn token(&self, id: u64) -> Option<[u8; 64]> {
        match self {
            View::Pinned(generation) => generation.sessions.get(&id).map(|session| session.token),
            View::Latest(directory) => directory.load().sessions.get(&id).map(|session| session.token), // fix
        }
    }
}
// End of the core.

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    match variant {
        "dashmap" | "dashmap-shrink" => run_sharded(variant, size, ledger),
        "arc-swap" | "arc-swap-reload" => run_published(variant, size, ledger),
        _ => run_locked(variant, size, ledger),
    }
}

fn session(id: u64) -> Session {
    Session { token: [id as u8; 64], expires_at: EVENING }
}

fn run_locked(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let sessions = RwLock::new(Sessions::default());
    for id in 0..size as u64 {
        log_in_locked(&sessions, id, session(id));
    }
    let count = || Count::from(sessions.read().unwrap().len());
    ledger.line(format_args!("{} sessions in a RwLock<HashMap>:", count()), "held by the program")?;

    expire_locked(&sessions, EVENING, variant);
    let how = if variant == "leaky" { "still" } else { "shrunk under the write lock," };
    ledger.line(format_args!("all removed: {} sessions, {how}", count()), "held by the program")?;
    Ok(Box::new(sessions))
}

fn run_sharded(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let sessions = DashMap::with_hasher_and_shard_amount(FixedHasher::default(), SHARDS);
    ledger.line(format_args!("a DashMap of {SHARDS} shards without a session:"), "held by the program")?;
    for id in 0..size as u64 {
        log_in_sharded(&sessions, id, session(id));
    }
    let count = || Count::from(sessions.len());
    ledger.line(format_args!("{} sessions:", count()), "held by the program")?;

    expire_sharded(&sessions, EVENING, variant);
    let how = if variant == "dashmap" { "still" } else { "shrunk shard by shard," };
    ledger.line(format_args!("all removed: {} sessions, {how}", count()), "held by the program")?;
    Ok(Box::new(sessions))
}

fn run_published(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let sessions = (0..size as u64).map(|id| (id, session(id))).collect();
    let directory: Directory = Arc::new(ArcSwap::from_pointee(Generation { number: 1, sessions }));
    let count = || Count::from(directory.load().sessions.len());
    ledger.line(format_args!("{} sessions in generation 1:", count()), "held by the program")?;

    // A service can watch its generations the same way: a `Weak` keeps no table.
    let mut published: Vec<Weak<Generation>> = vec![Arc::downgrade(&directory.load())];
    let mut views = Vec::new();
    for renewal in 1..=RENEWALS {
        publish_renewal(&directory, renewal % size as u64, EVENING);
        published.push(Arc::downgrade(&directory.load()));
        if renewal % RENEWALS_PER_CONNECTION == 0 {
            views.push(match variant {
                "arc-swap-reload" => View::Latest(Arc::clone(&directory)),
                _ => View::Pinned(directory.load_full()),
            });
        }
    }
    let connections = views.len();
    ledger
        .line(format_args!("{RENEWALS} renewed, {connections} connections opened:"), "held by the program")?;

    publish_expiry(&directory, EVENING);
    published.push(Arc::downgrade(&directory.load()));
    let answers = views.iter().filter_map(|view| view.token(0)).count();
    ledger.say(format_args!("all removed: {} sessions in the newest generation", count()))?;
    ledger.say(format_args!("{answers} of {connections} connections still find a session that is gone"))?;
    say_generations(&published, &directory, ledger)?;
    drop(published);
    ledger.line(format_args!("kept in the end:"), "for no session")?;
    Ok(Box::new((directory, views)))
}

/// The generations that are alive, and how many generations ago each was the current one.
fn say_generations(
    published: &[Weak<Generation>],
    directory: &Directory,
    ledger: &mut Ledger,
) -> io::Result<()> {
    let newest = directory.load().number;
    ledger.say(format_args!("generations that are alive, and how many ago each was the newest:"))?;
    ledger.say(format_args!("generation  age   sessions  held by"))?;
    let mut alive = 0;
    for generation in published.iter().filter_map(Weak::upgrade) {
        alive += 1;
        let Generation { number, sessions } = &*generation;
        // Itself and the handle that this loop holds apart.
        let holders = Arc::strong_count(&generation) - 1;
        let holder = if *number == newest { "the directory" } else { "connections" };
        let sessions = Count::from(sessions.len());
        ledger
            .say(format_args!("{number:>10}  {:>3}  {sessions:>9}  {holder}: {holders}", newest - number))?;
    }
    ledger.say(format_args!("{alive} of {} generations alive", published.len()))
}
