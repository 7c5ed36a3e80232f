//! Call stacks by the unwind tables that the compiler wrote, without allocating or locking: a rule
//! per return address says where the caller's frame is, and is looked up in the tables only once.
//! Stacks are only read, and only between the stack pointer and the end of the thread's stack.
//! Where there is no rule for this machine, the `backtrace` crate walks (`plain.rs`).
//! Broken by: the tests below, `tests/differential_walk.rs`.

#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod bytes;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod passing_rules;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod program;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod remembered;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod rule;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod rule_cache;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod stack_use;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod tables;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod tails;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod walk;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
mod walk_space;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
pub(crate) use stack_use::deepest_bytes;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
pub(crate) use walk::{Registers, prepare};
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind"), feature = "profile"))]
pub(crate) use walk_space::check_stacks;
#[cfg(all(target_arch = "x86_64", not(feature = "plain-unwind")))]
pub(crate) use walk_space::{WalkSpace, checks};

#[cfg(all(
    any(test, feature = "properties"),
    feature = "profile",
    target_arch = "x86_64",
    not(feature = "plain-unwind")
))]
#[path = "../../properties/unwind/mod.rs"]
pub(crate) mod properties;

#[cfg(any(not(target_arch = "x86_64"), feature = "plain-unwind"))]
mod plain;
#[cfg(all(any(not(target_arch = "x86_64"), feature = "plain-unwind"), feature = "profile"))]
pub(crate) use plain::check_stacks;
#[cfg(any(not(target_arch = "x86_64"), feature = "plain-unwind"))]
pub(crate) use plain::{Registers, WalkSpace, checks, deepest_bytes, prepare};

/// The most frames that a stack keeps. Of a deeper one the frames near the leaf are kept.
pub(crate) const MAX_DEPTH: usize = 1024;

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At the first function of the thread.
    Complete,
    /// At [`MAX_DEPTH`].
    TooDeep,
    /// At code without unwind information, or at a word that is no frame.
    Lost,
}
