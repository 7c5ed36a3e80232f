//! Which functions grew and which shrank between two profiles, as a table. Counts with `top`.
//! Broken by: `tests/diff_table.rs`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use alloc_tracer::Profile;

use crate::column::Column;
use crate::filter::Filter;
use crate::fold::FoldedTree;
use crate::origin::Origin;
use crate::top::{Top, TopOptions, TopRow, estimate, standard_error, write_columns};
use alloc_tracer::size::Count;

/// How much to print.
#[derive(Debug, Clone, Default)]
pub struct DiffOptions {
    /// Which stacks count.
    pub filter: Filter,
    /// Most rows to print; 0 for all.
    pub rows: usize,
}

/// Writes the functions whose values changed, the largest change of what they hold themselves
/// first, then the largest change of what they and all they called hold.
///
/// # Errors
/// Those of `out`.
pub fn write_diff(
    base: (&Profile, &Column),
    new: (&Profile, &Column),
    options: &DiffOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let column = new.1;
    let all = TopOptions { filter: options.filter.clone(), ..TopOptions::default() };
    let before = Top::of(base.0, base.1, None, &all);
    let after = Top::of(new.0, new.1, None, &all);
    let change = after.total.saturating_sub(before.total);
    let error = standard_error(column, before.total_variance + after.total_variance);
    let (grown, shrunk) = FoldedTree::between(base, new, &options.filter, true).grown_and_shrunk();
    writeln!(
        out,
        "{}: {} -> {}, {}{error}",
        column.words(),
        column.amount_and_exactly(before.total),
        column.amount_and_exactly(after.total),
        column.change(change),
    )?;
    if options.filter.is_set() {
        writeln!(
            out,
            "in focus: {} -> {}, {}",
            column.amount_and_exactly(before.in_focus),
            column.amount_and_exactly(after.in_focus),
            column.change(after.in_focus.saturating_sub(before.in_focus)),
        )?;
    }
    writeln!(out, "stacks that grew: {}, that shrank: {}", column.change(grown), column.change(-shrunk))?;
    for (name, profile) in [("base", base.0), ("new ", new.0)] {
        let origin = Origin::of(profile).line();
        if !origin.is_empty() {
            writeln!(out, "{name}: {origin}")?;
        }
    }
    let rows = changed(before.rows, after.rows);
    let shown = if options.rows == 0 { rows.len() } else { options.rows.min(rows.len()) };
    writeln!(out, "showing {} of {} functions that changed", Count(shown as i64), Count(rows.len() as i64))?;
    let mut cells =
        vec![["flat change", "cum change", "cum before", "cum after", "function"].map(str::to_owned)];
    for row in &rows[..shown] {
        cells.push([
            signed(column, row.flat_change(), row.before.flat_variance + row.after.flat_variance),
            signed(column, row.cum_change(), row.before.cum_variance + row.after.cum_variance),
            column.amount(row.before.cum),
            column.amount(row.after.cum),
            row.name.clone(),
        ]);
    }
    if rows.is_empty() { Ok(()) } else { write_columns(&cells, out) }
}

struct Change {
    name: String,
    before: TopRow,
    after: TopRow,
}

impl Change {
    fn flat_change(&self) -> i64 {
        self.after.flat.saturating_sub(self.before.flat)
    }

    fn cum_change(&self) -> i64 {
        self.after.cum.saturating_sub(self.before.cum)
    }
}

fn changed(before: Vec<TopRow>, after: Vec<TopRow>) -> Vec<Change> {
    let mut before: HashMap<String, TopRow> = before.into_iter().map(|row| (row.name.clone(), row)).collect();
    let mut rows: Vec<Change> = Vec::new();
    for after in after {
        let before = before.remove(&after.name).unwrap_or_default();
        rows.push(Change { name: after.name.clone(), before, after });
    }
    rows.extend(before.into_values().map(|before| Change {
        name: before.name.clone(),
        before,
        after: TopRow::default(),
    }));
    rows.retain(|row| row.flat_change() != 0 || row.cum_change() != 0);
    rows.sort_by_cached_key(|row| {
        let (flat, cum) = (row.flat_change().unsigned_abs(), row.cum_change().unsigned_abs());
        (Reverse(flat), Reverse(cum), row.name.clone())
    });
    rows
}

fn signed(column: &Column, change: i64, variance: f64) -> String {
    let sign = if change > 0 { "+" } else { "" };
    format!("{sign}{}", estimate(column, change, variance))
}
