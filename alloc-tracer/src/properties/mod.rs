//! What holds for any input: one function per property, which takes bytes, makes an input of its kind from
//! them, and panics where the property does not hold. Compiled for tests, which call them with the
//! kept corpus and with changes of it, and for the fuzzers of `fuzz/`, which look for more; never
//! else. Broken by: the tests of `kept_corpus.rs`.

mod allocations;
mod environment;
mod input;
#[cfg(test)]
mod kept_corpus;
#[cfg(test)]
mod kept_inputs;
mod pprof_files;
/// Lies in `hot/unwind`, whose types it needs.
pub(crate) use crate::hot::unwind::properties as unwind;

pub use environment::any_variable_is_read;
pub use pprof_files::any_file_is_read;
pub use unwind::{any_rule_keeps_its_meaning, any_stack_is_walked, any_unwind_table_is_read};

pub(crate) use allocations::Allocations;
pub(crate) use input::Input;
