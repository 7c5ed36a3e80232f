//! Properties of the stack walker and of what it goes by. A part of `hot/unwind` by name, so that it
//! sees its types; what it allocates is its own.

pub(super) mod gimlis_rows;
mod memory;
mod model;
mod rules;
mod tables;
mod walks;

pub use rules::any_rule_keeps_its_meaning;
pub use tables::any_unwind_table_is_read;
pub use walks::any_stack_is_walked;
