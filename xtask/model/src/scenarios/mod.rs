//! The scenarios: what two or three threads do to the tracer's tables at once, and what must hold whatever
//! the order. Each is prepared outside of loom; what it prepares is how every execution begins.

mod arena;
mod call_tree;
mod live_table;
mod rules;
mod start;
mod threads;

use loom::thread;

/// What a scenario's executions do.
pub(crate) type Act = Box<dyn Fn() + Send + Sync>;

/// A scenario: what would be lost if it failed, and how it is prepared.
pub(crate) type Scenario = (&'static str, fn() -> Act);

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    let tables = arena::SCENARIOS.iter().chain(&live_table::SCENARIOS).chain(&call_tree::SCENARIOS);
    tables.chain(&threads::SCENARIOS).chain(&rules::SCENARIOS).chain(&start::SCENARIOS)
}

/// Does two things at once and waits for both.
fn at_once<A: 'static, B>(other: impl FnOnce() -> A + 'static, own: impl FnOnce() -> B) -> (A, B) {
    let other = thread::spawn(other);
    let own = own();
    (other.join().expect("it does not panic"), own)
}

/// Memory that has one address in all executions.
fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
