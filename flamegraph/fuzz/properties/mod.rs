//! What holds for any names and values, whoever wrote them. The fuzzers beside this folder and
//! `tests/kept_corpus.rs` take in the same functions: each takes bytes, makes a profile of them, and panics
//! where the property does not hold.

mod any_profile;
mod folded_stacks;
mod pictures;

pub(crate) use folded_stacks::any_stacks_fold;
pub(crate) use pictures::any_stacks_are_drawn;
