//! The parts that the tracer's own memory is counted by. Broken by: `tests/own_cost.rs`.

/// What the tracer's memory is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    CallTree,
    SiteValues,
    LiveTable,
    Threads,
    UnwindRules,
}
