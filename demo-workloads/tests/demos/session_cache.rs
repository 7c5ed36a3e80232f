//! `session-cache`: without a bound every session since the start is held below `log_in`, traffic is what
//! was allocated most, and with each bound as many sessions are left as it says.

use std::sync::LazyLock;

use alloc_tracer::size::Count;

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::table_bytes;

const HOURS: u64 = 1;
const LOG_INS_A_MINUTE: i64 = 20;
const LIFETIME_MINUTES: i64 = 15;
const LOG_INS: i64 = 60 * LOG_INS_A_MINUTE * HOURS as i64;
/// Their name, their settings, a vector of permissions and the four in it.
const BLOCKS_OF_A_USER: i64 = 7;
const LOG_IN: &str = "log_in";
const LOAD_USER: &str = "load_user";
const INSERT: &str = "SessionCache::insert";
/// An id and a pointer.
type Pair = ([u64; 2], usize);
const TRAFFIC: [&str; 3] = ["render_page", "receive_request", "parse_request"];

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("session-cache", "leaky", HOURS));
static SWEPT: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("session-cache", "fixed", HOURS));

/// What the strings of users 0 to `LOG_INS` take: settings; a vector that begins with room for four (std,
/// `RawVec::MIN_NON_ZERO_CAP`) and four permissions; the name.
fn users_bytes() -> i64 {
    let permissions = (4 * size_of::<String>() + "readcommentorderinvoice".len()) as i64;
    (0..LOG_INS).map(|number| 2_000 + permissions + format!("user-{number}").len() as i64).sum()
}

#[test]
fn sessions_that_nothing_removes_hold_the_memory_below_the_log_in() {
    let run = &*LEAKY;
    assert_eq!(run.under(LOAD_USER, "inuse_space"), users_bytes());
    assert_eq!(run.under(LOAD_USER, "inuse_objects"), LOG_INS * BLOCKS_OF_A_USER);
    assert_eq!(run.under(INSERT, "inuse_space"), table_bytes::<Pair>(LOG_INS as u64));
    // An `Arc` is two counts before its value: three vectors or strings and a time.
    let arcs = LOG_INS * (16 + 3 * size_of::<String>() as i64 + 8);
    assert_eq!(run.under(LOG_IN, "inuse_space"), users_bytes() + table_bytes::<Pair>(LOG_INS as u64) + arcs);
    assert!(run.under(LOG_IN, "inuse_space") * 100 >= run.total("inuse_space") * 95);
    let heaviest = run.heaviest("inuse_space");
    heaviest.assert_dominates(heaviest.value, LOAD_USER, &["RawVec"]);
    heaviest.assert_dominates(heaviest.value, LOG_IN, &["load_user"]);
    // The steady cache beside it: 12 pages of 8 KiB, and their vector.
    let templates = 12 * (8 << 10) + 12 * 2 * size_of::<String>() as i64;
    assert_eq!(run.under("load_templates", "inuse_space"), templates);
}

#[test]
fn the_table_shows_growth_and_the_static_that_holds_expired_sessions() {
    let run = &*LEAKY;
    // The last log-in of the hour was half a minute ago.
    let expired = LOG_INS - LOG_INS_A_MINUTE * LIFETIME_MINUTES + LOG_INS_A_MINUTE / 2;
    let (all, expired) = (Count(LOG_INS), Count(expired));
    let held = format!(
        "held by the static SESSIONS: {all} sessions, {expired} of them expired, never more than {all}\n"
    );
    assert!(run.text.ends_with(&held), "{}", run.text);
    // The profile counts what the ledger counts, at most as much as the rounding apart.
    let slope: f64 = slope(&run.text).parse().unwrap();
    let expected = run.under(LOG_IN, "inuse_space") as f64 / HOURS as f64 / 1048576.0;
    assert!((slope - expected).abs() < 0.2, "{slope} {expected}");
}

/// The figure before `MiB/h`.
fn slope(text: &str) -> &str {
    let (before, _) = text.split_once(" MiB/h\n").unwrap();
    before.rsplit(' ').next().unwrap()
}

#[test]
fn removing_on_use_removes_only_those_who_come_back() {
    let run = ProfiledRun::exact("session-cache", "expire-on-get", HOURS);
    // One in ten comes back twenty minutes later; those of the last twenty minutes have not yet.
    let came_back = LOG_INS_A_MINUTE * (60 - 20) / 10;
    assert_eq!(run.under(LOAD_USER, "inuse_objects"), (LOG_INS - came_back) * BLOCKS_OF_A_USER);
    assert!(run.under(LOG_IN, "inuse_space") * 100 >= run.total("inuse_space") * 90);
}

#[test]
fn traffic_is_allocated_most_and_keeps_nothing_leak_or_not() {
    let (leaky, fixed) = (&*LEAKY, &*SWEPT);
    let traffic = |run: &ProfiledRun, column| TRAFFIC.iter().map(|name| run.under(name, column)).sum::<i64>();
    assert_eq!(traffic(leaky, "inuse_space"), 0);
    let sessions = leaky.under(LOG_IN, "inuse_space");
    assert!(traffic(leaky, "alloc_space") > 10 * sessions);
    assert!(leaky.under(TRAFFIC[0], "alloc_space") * 2 > leaky.total("alloc_space"));
    assert_eq!(traffic(leaky, "alloc_space"), traffic(fixed, "alloc_space"));
}

#[test]
fn every_bound_holds_as_many_sessions_as_it_says_and_the_slope_is_zero() {
    let minutes = |minutes: f64| (minutes * LOG_INS_A_MINUTE as f64) as i64;
    // A sweep comes every five minutes, a bucket goes when the last in it has expired: that much longer than
    // its time a session may stay.
    let lifetime = LIFETIME_MINUTES as f64;
    let bounds = [
        ("sweep", minutes(lifetime + 4.5), minutes(lifetime + 4.5)),
        ("buckets-30s", minutes(lifetime + 0.5), minutes(lifetime + 0.5)),
        ("buckets-2min", minutes(lifetime + 1.0), minutes(lifetime + 2.0)),
        ("buckets-15min", minutes(lifetime + 15.0), minutes(lifetime + 15.0)),
        ("bounded", 350, 350),
    ];
    for (fix, left, most) in bounds {
        let text = ProfiledRun::exact_unnamed("session-cache", fix, HOURS).text;
        let held = format!("SESSIONS: {} sessions, ", Count(left));
        assert!(text.contains(&held), "{fix}: {text}");
        assert!(text.ends_with(&format!("never more than {}\n", Count(most))), "{fix}: {text}");
        assert_eq!(slope(&text), "+0.0", "{fix}: {text}");
    }
}

#[test]
fn what_a_bound_drops_is_given_back() {
    let [buckets, bounded] =
        ["buckets-15min", "bounded"].map(|fix| ProfiledRun::exact("session-cache", fix, HOURS));
    for (run, left) in [(&*SWEPT, 390), (&buckets, 600), (&bounded, 350)] {
        assert_eq!(run.under(LOAD_USER, "inuse_objects"), left * BLOCKS_OF_A_USER);
        assert_eq!(run.under(LOAD_USER, "alloc_space"), LEAKY.under(LOAD_USER, "alloc_space"));
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("4k", "session-cache", "leaky", HOURS);
    let heaviest = run.heaviest("inuse_space");
    heaviest.assert_dominates(heaviest.value, LOG_IN, &["load_user"]);
    assert!(run.under(LOG_IN, "inuse_space") * 100 >= run.total("inuse_space") * 90);
    // Some seven hundred samples: a standard error of 4 %.
    run.assert_estimates(LOAD_USER, users_bytes(), 25);
}
