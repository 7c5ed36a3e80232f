//! A session cache that nothing bounds grows for as long as people log in.
//!
//! Kept: every session since the start, by a `static`; most of them have expired and are refused when asked for.
//! Why: a session that has run out is refused, but nothing removes it. Removing it when it is asked for
//! (`expire-on-get`) removes only those whose owner comes back.
//! inuse_space: `log_in` fills nearly the width: below it `load_user`, whose strings the sessions own, and
//! `SessionCache::insert`, which grows the table. Beside it a sliver: `load_templates`, a cache that does not grow.
//! alloc_space: the traffic: `render_page`, `receive_request` and `parse_request` allocate many times what the
//! sessions take and keep nothing of it; it looks the same once the leak is fixed.
//! Fix: a bound: a sweep by `retain` every few minutes (`sweep`), buckets of time that are dropped whole
//! (`buckets-30s`, `buckets-2min`, `buckets-15min`), or a cache with a capacity (`bounded`). Wide buckets are dropped
//! seldom and keep sessions longer.
//! Broken by: `tests/demos/session_cache.rs`.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use alloc_tracer::size::{Bytes, Count};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::Deserialize;

use super::{Demo, Figure, Held, Size};
use crate::fixed_hash::FixedHasher;
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "session-cache",
    row: "D8",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 24, unit: "hours on a virtual clock" },
    leaks: &["leaky", "expire-on-get"],
    fixes: &["sweep", "buckets-30s", "buckets-2min", "buckets-15min", "bounded"],
    source: include_str!("session_cache.rs"),
    run,
};

type Seconds = u64;

/// How long a session is valid.
const LIFETIME: Seconds = 15 * 60;
const SWEEP_EVERY: Seconds = 5 * 60;
/// What a lifetime brings is 300; the rest is room for a busier hour. moka can expire by time as well, but by the
/// machine's own clock only.
const MOST_SESSIONS: u64 = 350;

type Table = HashMap<SessionId, Arc<Session>, FixedHasher>;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SessionId {
    opened_at: Seconds,
    number: u64,
}

// The core.
/// Every request comes here, for as long as the process lives.
static SESSIONS: OnceLock<Mutex<SessionCache>> = OnceLock::new();

struct Session {
    user: User,
    expires_at: Seconds,
}

enum SessionCache {
    Unbounded(Table),
    ExpiringOnGet(Table),
    Swept { sessions: Table, next_sweep: Seconds },
    Buckets { buckets: BTreeMap<Seconds, Table>, width: Seconds },
    Bounded(Cache<SessionId, Arc<Session>, FixedHasher>),
}

// Never inlined, like all that the pictures must name.
#[inline(never)]
fn log_in(name: &str, id: SessionId) -> io::Result<()> {
    let session = Session { user: load_user(name)?, expires_at: id.opened_at + LIFETIME };
    sessions().insert(id, Arc::new(session));
    Ok(())
}

impl SessionCache {
    /// The least recently used goes first. The usual policy may refuse what is new for what was asked for often
    /// (moka, `EvictionPolicy::tiny_lfu`), which would end a session at its log-in.
    fn bounded() -> Self {
        let sessions = Cache::builder()
            .max_capacity(MOST_SESSIONS) // fix
            .eviction_policy(EvictionPolicy::lru());
        Self::Bounded(sessions.build_with_hasher(FixedHasher::default()))
    }

    #[inline(never)]
    fn insert(&mut self, id: SessionId, session: Arc<Session>) {
        let now = id.opened_at;
        match self {
            Self::Unbounded(sessions) => drop(sessions.insert(id, session)), // leak
            Self::ExpiringOnGet(sessions) => drop(sessions.insert(id, session)), // leak
            Self::Swept { sessions, next_sweep } => {
                if now >= *next_sweep {
                    sessions.retain(|_, session| session.expires_at > now); // fix
                    *next_sweep = now + SWEEP_EVERY;
                }
                sessions.insert(id, session);
            }
            Self::Buckets { buckets, width } => {
                let oldest = now.saturating_sub(LIFETIME) / *width;
                while let Some(bucket) = buckets.first_entry().filter(|bucket| *bucket.key() < oldest) {
                    drop(bucket.remove()); // fix
                }
                buckets.entry(now / *width).or_default().insert(id, session);
            }
            Self::Bounded(sessions) => {
                sessions.insert(id, session);
                // Evicts now what moka would evict a little later, so that every run counts the same.
                sessions.run_pending_tasks();
            }
        }
    }

    fn get(&mut self, id: SessionId, now: Seconds) -> Option<Arc<Session>> {
        let found = match self {
            Self::Unbounded(sessions) | Self::ExpiringOnGet(sessions) => sessions.get(&id).cloned(),
            Self::Swept { sessions, .. } => sessions.get(&id).cloned(),
            Self::Buckets { buckets, width } => buckets.get(&(id.opened_at / *width))?.get(&id).cloned(),
            Self::Bounded(sessions) => sessions.get(&id),
        };
        let valid = found.filter(|session| session.expires_at > now);
        if let (None, Self::ExpiringOnGet(sessions)) = (&valid, self) {
            sessions.remove(&id);
        }
        valid
    }
}
// End of the core.

impl SessionCache {
    fn of(variant: &str) -> Self {
        let buckets = |width| Self::Buckets { buckets: BTreeMap::new(), width };
        match variant {
            "expire-on-get" => Self::ExpiringOnGet(Table::default()),
            "sweep" => Self::Swept { sessions: Table::default(), next_sweep: SWEEP_EVERY },
            "buckets-30s" => buckets(30),
            "buckets-2min" => buckets(2 * 60),
            "buckets-15min" => buckets(15 * 60),
            "bounded" => Self::bounded(),
            _ => Self::Unbounded(Table::default()),
        }
    }

    fn expired(&self, now: Seconds) -> usize {
        let of = |table: &Table| table.values().filter(|session| session.expires_at <= now).count();
        match self {
            Self::Unbounded(sessions) | Self::ExpiringOnGet(sessions) => of(sessions),
            Self::Swept { sessions, .. } => of(sessions),
            Self::Buckets { buckets, .. } => buckets.values().map(of).sum(),
            Self::Bounded(sessions) => {
                sessions.iter().filter(|(_, session)| session.expires_at <= now).count()
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Unbounded(sessions) | Self::ExpiringOnGet(sessions) => sessions.len(),
            Self::Swept { sessions, .. } => sessions.len(),
            Self::Buckets { buckets, .. } => buckets.values().map(Table::len).sum(),
            Self::Bounded(sessions) => sessions.entry_count() as usize,
        }
    }
}

fn sessions() -> MutexGuard<'static, SessionCache> {
    let cache = SESSIONS.get_or_init(|| Mutex::new(SessionCache::of("leaky")));
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct User {
    name: String,
    permissions: Vec<String>,
    settings: String,
}

/// Reads a user from what stands for the database.
#[inline(never)]
fn load_user(name: &str) -> io::Result<User> {
    let settings = "dark;".repeat(SETTINGS_BYTES / 5);
    let row = format!(
        r#"{{"name":"{name}","permissions":["read","comment","order","invoice"],"settings":"{settings}"}}"#
    );
    Ok(serde_json::from_str(&row)?)
}

const SETTINGS_BYTES: usize = 2_000;

/// A page around the user's name.
struct Template {
    head: String,
    tail: String,
}

/// A cache that is as large as the number of pages, whatever happens.
static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(load_templates);

const PAGES: usize = 12;
const HALF_PAGE_BYTES: usize = 4 << 10;

#[inline(never)]
fn load_templates() -> Vec<Template> {
    let half = || "<p></p>\n".repeat(HALF_PAGE_BYTES / 8);
    (0..PAGES).map(|_| Template { head: half(), tail: half() }).collect()
}

#[inline(never)]
fn render_page(page: u64, words: &str) -> String {
    let template = &TEMPLATES[page as usize % PAGES];
    [&template.head, words, &template.tail].concat()
}

#[inline(never)]
fn receive_request(path: &str, id: SessionId) -> String {
    let SessionId { opened_at, number } = id;
    format!(
        r#"{{"path":"{path}","user":"user-{number}","session":{{"opened_at":{opened_at},"number":{number}}},
        "headers":{{"accept":"text/html,application/xhtml+xml","accept-language":"en","host":"shop.example",
        "user-agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"}}}}"#
    )
}

#[inline(never)]
fn parse_request(text: &str) -> io::Result<serde_json::Value> {
    Ok(serde_json::from_str(text)?)
}

/// One request; whether its session was valid.
#[inline(never)]
fn handle_request(path: &str, id: SessionId, now: Seconds) -> io::Result<bool> {
    let request = parse_request(&receive_request(path, id))?;
    let name = request["user"].as_str().unwrap_or_default();
    let part = |key: &str| request["session"][key].as_u64().unwrap_or_default();
    let id = SessionId { opened_at: part("opened_at"), number: part("number") };
    if request["path"] == "/login" {
        log_in(name, id)?;
    }
    let session = sessions().get(id, now);
    let words = session.as_ref().map_or("please log in", |session| &session.user.name);
    black_box(render_page(id.number, words));
    Ok(session.is_some_and(|session| session.user.may_read()))
}

impl User {
    fn may_read(&self) -> bool {
        !self.settings.is_empty() && self.permissions.iter().any(|permission| permission == "read")
    }
}

const TICK: Seconds = 30;
const LOG_INS_A_TICK: u64 = 10;
const ROWS: usize = 8;

/// All requests of a tick: people log in and look at a page; who did so five minutes ago looks at another one, and of
/// those who did so twenty minutes ago one in ten, too late. Returns how many came and how many were refused.
fn serve(now: Seconds) -> io::Result<(usize, usize)> {
    let (mut requests, mut refused) = (0, 0);
    for place in 0..LOG_INS_A_TICK {
        let came_back = [(0, true), (5 * 60, true), (20 * 60, place == 0)];
        handle_request("/login", session_opened(now, place), now)?;
        requests += 1;
        for (ago, _) in came_back.iter().filter(|(ago, comes)| *comes && *ago <= now) {
            let is_valid = handle_request("/basket", session_opened(now - ago, place), now)?;
            requests += 1;
            refused += usize::from(!is_valid);
        }
    }
    Ok((requests, refused))
}

fn session_opened(opened_at: Seconds, place: u64) -> SessionId {
    SessionId { opened_at, number: opened_at / TICK * LOG_INS_A_TICK + place }
}

/// Lets moka give back what it has evicted, which it leaves to the epochs of crossbeam: so the figure is the same in
/// every run. As many rounds as moka itself makes when a cache is dropped (`sync/base_cache.rs`, `Inner::drop`).
fn settle() {
    if let SessionCache::Bounded(sessions) = &*sessions() {
        sessions.run_pending_tasks();
        for _ in 0..128 {
            crossbeam_epoch::pin().flush();
        }
    }
}

fn run(variant: &str, hours: usize, ledger: &mut Ledger) -> io::Result<Held> {
    // Nothing was there before: a process runs one variant.
    let _ = SESSIONS.set(Mutex::new(SessionCache::of(variant)));
    LazyLock::force(&TEMPLATES);
    let end = hours as Seconds * 60 * 60;
    let (mut requests, mut refused, mut most) = (0, 0, 0);
    let mut held_bytes = [0; ROWS];
    let log_ins = LOG_INS_A_TICK * 60 / TICK;
    ledger.say(format_args!("{log_ins} log-ins a minute, sessions valid for {} minutes", LIFETIME / 60))?;
    ledger.say(format_args!("{:>9}  {:>8}  {:>9}", "time", "sessions", "held"))?;
    for tick in 0..end / TICK {
        let (came, were_refused) = serve(tick * TICK)?;
        (requests, refused) = (requests + came, refused + were_refused);
        let now = (tick + 1) * TICK;
        most = most.max(sessions().len());
        if now.is_multiple_of(end / ROWS as Seconds) {
            settle();
            let row = (now * ROWS as Seconds / end) as usize - 1;
            held_bytes[row] = ledger.held_bytes();
            let (sessions, held) = (Count::from(sessions().len()), Bytes::unsigned(held_bytes[row]));
            ledger.say(format_args!("{:>9}  {sessions:>8}  {held:>9}", Time(now)))?;
        }
    }
    let grown = held_bytes[ROWS - 1] as i64 - held_bytes[ROWS / 2 - 1] as i64;
    // Rounded first, or a little less would be -0.0.
    let tenths_of_mib = (grown as f64 * 20.0 / hours as f64 / 1048576.0).round() as i64;
    let (from, to, slope) = (Time(end / 2), Time(end), tenths_of_mib as f64 / 10.0);
    ledger.say(format_args!("slope from {from} to {to}, last less first: {slope:+.1} MiB/h"))?;
    let (requests, refused) = (Count::from(requests), Count::from(refused));
    ledger.say(format_args!("{requests} requests, {refused} refused because the session has expired"))?;
    let left = sessions().len();
    let expired = sessions().expired(end);
    let (left, expired, most) = (Count::from(left), Count::from(expired), Count::from(most));
    ledger.say(format_args!(
        "held by the static SESSIONS: {left} sessions, {expired} of them expired, never more than {most}"
    ))?;
    // The static holds them, as it would in a service.
    Ok(Box::new(()))
}

/// Seconds as `h:mm:ss`.
struct Time(Seconds);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Time(seconds) = self;
        f.pad(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
    }
}
