//! The cache of unwind rules: no frame is ever left by another frame's rule.

use loom::thread;

use super::{Act, Scenario, at_once};
use rule::{PackedRule, Rule};

#[allow(dead_code, clippy::duplicate_mod, reason = "it is private to the walk, which uses all of it")]
#[path = "../../../../alloc-tracer/src/hot/unwind/rule.rs"]
mod rule;
#[allow(clippy::duplicate_mod, reason = "as above")]
#[path = "../../../../alloc-tracer/src/hot/unwind/rule_cache.rs"]
mod rule_cache;

pub(super) const SCENARIOS: [Scenario; 1] =
    [("rule cache: three frames that share a set are never given each other's rules", one_set)];

const FIRST: usize = 0x5555_0000_1000;

fn rule_of(address: usize) -> PackedRule {
    let cfa_offset = (address as u32 % 1000) * 8;
    Rule::FromStackPointer { cfa_offset, saved_frame_pointer: None }.pack()
}

/// An address after `from` that displaces the first one: two of its rules fill the set.
fn next_in_set(from: usize) -> usize {
    let displaces = |other: usize| {
        rule_cache::put(FIRST, rule_of(FIRST));
        rule_cache::put(other, rule_of(other));
        rule_cache::put(other, rule_of(other));
        rule_cache::get(FIRST).is_none()
    };
    (from + 1..).find(|other| displaces(*other)).expect("there are 2^48 addresses")
}

fn one_set() -> Act {
    rule_cache::prepare();
    let second = next_in_set(FIRST);
    let third = next_in_set(second);
    let put = |address| rule_cache::put(address, rule_of(address));
    let get = |address| {
        let found = rule_cache::get(address);
        assert!(found.is_none_or(|rule| rule == rule_of(address)), "{found:?} at {address:x}");
    };
    Box::new(move || {
        let reader = thread::spawn(move || [FIRST, second].into_iter().for_each(get));
        at_once(move || put(second), || put(third));
        [FIRST, second, third].into_iter().for_each(get);
        reader.join().expect("it does not panic");
    })
}
