//! Folded stacks, one line per stack with the root first, for other tools: `main;parse;grow 4096`.
//! Names `fold`. Broken by: `tests/folded_stacks.rs`.

use std::io::{self, Write};

use alloc_tracer::Profile;

use crate::column::Column;
use crate::filter::Filter;
use crate::fold::FoldedTree;

/// What goes into the lines.
#[derive(Debug, Clone, Default)]
pub struct FoldedOptions {
    /// Which stacks are written.
    pub filter: Filter,
    /// Keeps the runtime's start frames at the root of every stack.
    pub full_stacks: bool,
}

/// Writes the stacks with positive values of the column, ordered by name; the format has no
/// negative values.
///
/// # Errors
/// Those of `out`.
pub fn write_folded(
    profile: &Profile,
    column: &Column,
    options: &FoldedOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let tree = FoldedTree::of(profile, column, &options.filter, options.full_stacks);
    let children = tree.children(|_| true, |_| ());
    let mut path = String::new();
    // Node and the length of its caller's path; the next sibling is on top.
    let mut open = vec![(0_u32, 0_usize)];
    while let Some((id, end_of_caller)) = open.pop() {
        let node = &tree.nodes()[id as usize];
        path.truncate(end_of_caller);
        if id > 0 {
            if end_of_caller > 0 {
                path.push(';');
            }
            path.push_str(tree.name(node));
            if node.own > 0 {
                writeln!(out, "{path} {}", node.own)?;
            }
        }
        open.extend(children.of(id).iter().rev().map(|child| (*child, path.len())));
    }
    Ok(())
}
