//! The live table: a block that went in comes out whole, once, whatever other threads do in its window.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};

use super::{Act, Scenario, at_once, leaked};
use crate::hot::call_tree::NodeId;
use crate::hot::live_table::{Entry, LiveTable};
use crate::hot::mode::IntervalId;

pub(super) const SCENARIOS: [Scenario; 6] = [
    ("live table: two blocks in an empty table, which both threads make room in", empty),
    ("live table: two blocks and one free slot in their window", last_slot),
    ("live table: a listing sees blocks whole while a slot changes hands", listing),
    ("live table: an address that goes from thread to thread", handed_over),
    ("live table: a block is never denied while others with its hash value come and go", never_denied),
    ("live table: a block that ended unseen makes room while its window fills", ended_unseen),
];

/// All these addresses share a window in every level, and a count of sampled blocks.
const A: usize = 0x1001;
const B: usize = 0x1002;
const OTHERS: usize = 0x1010;
/// The slots of a window.
const WINDOW: usize = 16;

fn sampled(address: usize, size: u64) -> Entry {
    Entry { address, size, site: NodeId(size as u32), interval: IntervalId(1) }
}

fn exact(address: usize, size: u64) -> Entry {
    Entry { interval: IntervalId::EXACT, ..sampled(address, size) }
}

/// A table whose window at the addresses has so many blocks.
fn table_with(others: usize) -> &'static LiveTable {
    let table = leaked(LiveTable::new());
    (0..others).for_each(|n| assert_eq!(table.insert(exact(OTHERS + n, 1)), Ok(None)));
    table
}

fn put_in_and_take_out(table: &LiveTable, entry: Entry) {
    assert_eq!(table.insert(entry), Ok(None));
    assert_eq!(table.remove(entry.address), Some(entry));
}

fn empty() -> Act {
    let table = table_with(0);
    Box::new(move || {
        at_once(
            move || put_in_and_take_out(table, exact(A, 100)),
            || put_in_and_take_out(table, exact(B, 200)),
        );
        table.for_each(|left| panic!("left behind: {left:?}"));
    })
}

fn last_slot() -> Act {
    let table = table_with(WINDOW - 1);
    Box::new(move || {
        let put_in = |entry| assert_eq!(table.insert(entry), Ok(None));
        at_once(move || put_in(exact(A, 100)), || put_in(exact(B, 200)));
        assert_eq!(table.remove(A), Some(exact(A, 100)));
        assert_eq!(table.remove(B), Some(exact(B, 200)));
        let mut left = 0;
        table.for_each(|_| left += 1);
        assert_eq!(left, WINDOW - 1);
    })
}

fn listing() -> Act {
    let table = table_with(1);
    Box::new(move || {
        let list = || {
            table.for_each(|seen| {
                let known = [exact(OTHERS, 1), exact(A, 100), exact(B, 200)];
                assert!(known.contains(&seen), "no such block ever was: {seen:?}");
            });
        };
        at_once(list, || {
            put_in_and_take_out(table, exact(A, 100));
            assert_eq!(table.insert(exact(B, 200)), Ok(None));
        });
    })
}

/// The inner allocator's part is the flag: who is handed an address sees what was done with it.
fn handed_over() -> Act {
    let table = table_with(0);
    Box::new(move || {
        let is_handed_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_handed_over);
        at_once(
            move || {
                put_in_and_take_out(table, sampled(B, 300));
                if seen.load(Acquire) {
                    assert!(table.may_hold(A));
                    assert_eq!(table.remove(A), Some(sampled(A, 100)));
                    put_in_and_take_out(table, sampled(A, 200));
                    assert!(!table.may_hold(A));
                }
            },
            || {
                assert_eq!(table.insert(sampled(A, 100)), Ok(None));
                is_handed_over.store(true, Release);
            },
        );
    })
}

fn never_denied() -> Act {
    let table = table_with(0);
    Box::new(move || {
        at_once(
            || {
                assert_eq!(table.insert(sampled(A, 100)), Ok(None));
                assert!(table.may_hold(A));
            },
            || put_in_and_take_out(table, sampled(B, 200)),
        );
        assert!(table.may_hold(A));
        assert_eq!(table.remove(A), Some(sampled(A, 100)));
        assert!(!table.may_hold(A), "its count never comes down");
    })
}

fn ended_unseen() -> Act {
    let table = table_with(WINDOW - 2);
    assert_eq!(table.insert(sampled(A, 100)), Ok(None));
    Box::new(move || {
        at_once(
            || assert_eq!(table.insert(sampled(A, 300)), Ok(Some(sampled(A, 100)))),
            || put_in_and_take_out(table, exact(B, 200)),
        );
        assert_eq!(table.remove(A), Some(sampled(A, 300)));
        assert_eq!(table.remove(A), None);
    })
}
