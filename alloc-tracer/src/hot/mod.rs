//! What runs inside malloc: no allocation, no lock, no panic. May name core, `sys`, and one crate that
//! keeps the same law: libm. Broken by: `cargo xtask tidy`, the re-entry counter that `tests/` require to be zero.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub(crate) mod all_threads;
pub(crate) mod arena;
pub(crate) mod books;
pub(crate) mod call_tree;
pub(crate) mod counters;
pub(crate) mod early_choice;
pub(crate) mod exact;
pub(crate) mod guard;
pub(crate) mod live_table;
pub(crate) mod losses;
pub(crate) mod mode;
pub(crate) mod placement;
pub(crate) mod recorder;
pub(crate) mod sampler;
pub(crate) mod site_values;
pub(crate) mod start;
pub(crate) mod tag;
pub(crate) mod taken;
pub(crate) mod thread;
pub(crate) mod thread_sites;
pub(crate) mod unwind;
