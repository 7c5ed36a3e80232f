//! `map-delete`: an emptied map holds its whole table, by whichever method it was emptied, every fix
//! releases it, and alloc_space remembers the growth.

use std::sync::LazyLock;

use crate::profiled_run::ProfiledRun;
use crate::table_bytes::{bytes_of_growth, table_bytes};

static LEAKY: LazyLock<ProfiledRun> = LazyLock::new(|| ProfiledRun::exact("map-delete", "leaky", SESSIONS));

const SESSIONS: u64 = 25_000;
const OPEN: &str = "SessionStore::open";
const GROWTH: [&str; 2] = ["reserve_rehash", "resize"];
type Pair = (u64, [u8; 64]);

#[test]
fn an_empty_map_holds_the_table_of_its_busiest_hour() {
    assert_holds_the_table(&LEAKY, "");
}

#[test]
fn clear_retain_and_drain_keep_the_table_as_remove_does() {
    for leak in ["clear", "retain", "drain"] {
        let run = ProfiledRun::exact("map-delete", leak, SESSIONS);
        assert_holds_the_table(&run, &format!(" by {leak}()"));
    }
}

fn assert_holds_the_table(run: &ProfiledRun, how: &str) {
    assert_eq!(run.under(OPEN, "inuse_space"), table_bytes::<Pair>(SESSIONS), "{how}");
    assert_eq!(run.under(OPEN, "inuse_objects"), 1, "{how}");
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &GROWTH);
    assert!(run.text.contains("25,000 sessions stored: 2.3 MiB held"), "{how}: {}", run.text);
    assert!(run.text.contains(&format!("all removed{how}: 0 sessions, still 2.3 MiB\n")), "{}", run.text);
    assert!(run.text.ends_with("2.3 MiB kept for no session\n"), "{how}: {}", run.text);
}

#[test]
fn alloc_space_adds_the_tables_that_growth_gave_back() {
    let run = &*LEAKY;
    // The sum of the doublings is about twice the last one.
    assert_eq!(run.under(OPEN, "alloc_space"), bytes_of_growth::<Pair>(1 << 15));
    let ratio = run.under(OPEN, "alloc_space") as f64 / run.under(OPEN, "inuse_space") as f64;
    assert!((1.99..2.001).contains(&ratio), "{ratio}");
}

#[test]
fn every_fix_gives_the_table_back() {
    // `fixed` is `shrink`.
    for fix in ["fixed", "rebuild", "take", "drop"] {
        let run = ProfiledRun::exact("map-delete", fix, SESSIONS);
        assert_eq!(run.under(OPEN, "inuse_space"), 0, "{fix}");
        assert!(run.total("inuse_space") < 64 << 10, "{fix} leaves {}", run.total("inuse_space"));
        assert!(run.under(OPEN, "alloc_space") > table_bytes::<Pair>(SESSIONS), "{fix}");
        assert!(run.text.ends_with(": 0 B\n"), "{fix}: {}", run.text);
    }
}

#[test]
fn sampling_finds_the_same_stack() {
    let run = ProfiledRun::sampled("16k", "map-delete", "leaky", SESSIONS);
    run.heaviest("inuse_space").assert_dominates(run.total("inuse_space"), OPEN, &GROWTH);
    // One block 146 times as large as the interval is missed with a probability of e^-146, and its
    // weight is its size over the probability of a sample: the size itself.
    let table = table_bytes::<Pair>(SESSIONS);
    run.assert_estimates(OPEN, table, 1);
}
