//! Which functions hold most, as `pprof -top` counts it: flat is what a function asked for itself,
//! cum what it and all it called asked for, each stack once. Names `stack` and `column`.
//! Broken by: `tests/top_counts.rs`, and `tests/clients/check.sh` against pprof itself.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use alloc_tracer::Profile;

use crate::column::Column;
use crate::filter::Filter;
use crate::frame_name::printable;
use crate::origin::Origin;
use crate::stack::Stacks;
use crate::start_frames::StartFrames;
use alloc_tracer::size::{Count, percent};

/// What to count and how much to print.
#[derive(Debug, Clone, Default)]
pub struct TopOptions {
    /// Orders by cum instead of flat.
    pub by_cum: bool,
    /// Most rows to print; 0 for all.
    pub rows: usize,
    /// Which stacks count.
    pub filter: Filter,
    /// Counts the runtime's start frames, too; without it they are left out as in pictures.
    pub full_stacks: bool,
}

/// The sums of one function.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopRow {
    /// The function's name, safe to print.
    pub name: String,
    /// What it asked for itself.
    pub flat: i64,
    /// What it and all it called asked for.
    pub cum: i64,
    /// The variance of the estimate in `flat`; 0 in exact profiles.
    pub flat_variance: f64,
    /// The variance of the estimate in `cum`.
    pub cum_variance: f64,
}

/// All functions' sums, and the total that they are parts of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Top {
    /// One per function name, the largest first.
    pub rows: Vec<TopRow>,
    /// The sum over all stacks, those out of focus included.
    pub total: i64,
    /// The sum over the stacks in focus.
    pub in_focus: i64,
    /// The variance of the estimate in `total`.
    pub total_variance: f64,
    /// What percentages refer to: the sum over all stacks; with a base, the base's.
    pub whole: i64,
}

/// Writes the table of a column; with a base, of the difference to it.
///
/// # Errors
/// Those of `out`.
pub fn write_top(
    profile: &Profile,
    column: &Column,
    base: Option<(&Profile, &Column)>,
    options: &TopOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let top = Top::of(profile, column, base, options);
    write_header(profile, column, base.is_some(), &top, out)?;
    let shown = if options.rows == 0 { top.rows.len() } else { options.rows.min(top.rows.len()) };
    let mut cells = vec![["flat", "flat%", "sum%", "cum", "cum%", "function"].map(str::to_owned)];
    let mut sum = 0_i64;
    for row in &top.rows[..shown] {
        sum = sum.saturating_add(row.flat);
        cells.push([
            estimate(column, row.flat, row.flat_variance),
            format!("{:.2}%", percent(row.flat, top.whole)),
            format!("{:.2}%", percent(sum, top.whole)),
            estimate(column, row.cum, row.cum_variance),
            format!("{:.2}%", percent(row.cum, top.whole)),
            row.name.clone(),
        ]);
    }
    if options.filter.is_set() {
        let part = percent(top.in_focus, top.whole);
        writeln!(out, "in focus: {} ({part:.2}%)", column.amount_and_exactly(top.in_focus))?;
    }
    writeln!(out, "showing {} of {} functions", Count(shown as i64), Count(top.rows.len() as i64))?;
    write_columns(&cells, out)
}

impl Top {
    /// Counts a column; with a base, its difference to the base.
    pub fn of(
        profile: &Profile,
        column: &Column,
        base: Option<(&Profile, &Column)>,
        options: &TopOptions,
    ) -> Top {
        let mut top = Top::default();
        let mut by_name: HashMap<String, TopRow> = HashMap::new();
        let whole = top.add(&mut by_name, profile, column, 1, options);
        top.whole = match base {
            Some((base, base_column)) => top.add(&mut by_name, base, base_column, -1, options),
            None => whole,
        };
        if top.whole == 0 {
            top.whole = whole;
        }
        top.rows = by_name.into_values().filter(|row| row.flat != 0 || row.cum != 0).collect();
        top.rows.sort_by_cached_key(|row| {
            let (flat, cum) = (row.flat.unsigned_abs(), row.cum.unsigned_abs());
            let (first, second) = if options.by_cum { (cum, flat) } else { (flat, cum) };
            (Reverse(first), Reverse(second), row.name.clone())
        });
        top
    }

    /// Adds the samples of a profile, `sign` times; returns the sum of their magnitudes, which is
    /// what pprof calls the total.
    fn add(
        &mut self,
        rows: &mut HashMap<String, TopRow>,
        profile: &Profile,
        column: &Column,
        sign: i64,
        options: &TopOptions,
    ) -> i64 {
        let stacks = Stacks::of(profile);
        let mut starts = StartFrames::of(&stacks);
        let filter = options.filter.of(&stacks);
        let mut sums = vec![TopRow::default(); stacks.names().len()];
        // The last sample that counted towards a name's cum: a recursive function counts once.
        let mut last_counted = vec![usize::MAX; stacks.names().len()];
        let mut frames = Vec::new();
        let mut magnitude = 0_i64;
        for (index, sample) in profile.samples().enumerate() {
            let value = sample.values[column.index].saturating_mul(sign);
            let variance = column.variance_of(sample.values);
            magnitude = magnitude.saturating_add(value.saturating_abs());
            self.total = self.total.saturating_add(value);
            self.total_variance += variance;
            if !filter.counts(&sample) {
                continue;
            }
            self.in_focus = self.in_focus.saturating_add(value);
            stacks.frames(&sample, &mut frames);
            if !options.full_stacks {
                starts.trim(&mut frames);
            }
            if let Some(leaf) = frames.first() {
                let row = &mut sums[leaf.0 as usize];
                row.flat = row.flat.saturating_add(value);
                row.flat_variance += variance;
            }
            for name in &frames {
                let name = name.0 as usize;
                if std::mem::replace(&mut last_counted[name], index) != index {
                    sums[name].cum = sums[name].cum.saturating_add(value);
                    sums[name].cum_variance += variance;
                }
            }
        }
        for (sum, name) in sums.into_iter().zip(stacks.names()) {
            let row = rows
                .entry(name.clone())
                .or_insert_with(|| TopRow { name: name.clone(), ..TopRow::default() });
            row.flat = row.flat.saturating_add(sum.flat);
            row.cum = row.cum.saturating_add(sum.cum);
            row.flat_variance += sum.flat_variance;
            row.cum_variance += sum.cum_variance;
        }
        magnitude
    }
}

fn write_header(
    profile: &Profile,
    column: &Column,
    is_change: bool,
    top: &Top,
    out: &mut impl Write,
) -> io::Result<()> {
    let what = if is_change { format!("{}, change since the base", column.words()) } else { column.words() };
    let error = standard_error(column, top.total_variance);
    let sign = if is_change && top.total > 0 { "+" } else { "" };
    writeln!(out, "{what}: {sign}{}{error}", column.amount_and_exactly(top.total))?;
    let origin = Origin::of(profile).line();
    if !origin.is_empty() {
        writeln!(out, "{origin}")?;
    }
    for comment in &profile.comments {
        writeln!(out, "{}", printable(profile.text(*comment)))?;
    }
    Ok(())
}

/// A value with its standard error where it is an estimate.
pub(crate) fn estimate(column: &Column, value: i64, variance: f64) -> String {
    format!("{}{}", column.amount(value), standard_error(column, variance))
}

pub(crate) fn standard_error(column: &Column, variance: f64) -> String {
    match variance > 0.0 {
        true => format!(" ± {}", column.amount(variance.sqrt().round() as i64)),
        false => String::new(),
    }
}

/// Aligns all columns to the right but the last, which is the name.
pub(crate) fn write_columns<const N: usize>(rows: &[[String; N]], out: &mut impl Write) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        for (cell, width) in row.iter().zip(&widths).take(N - 1) {
            write!(out, "{cell:>width$}  ")?;
        }
        writeln!(out, "{}", row[N - 1])?;
    }
    Ok(())
}
