//! A flame graph of one column as a self-contained SVG. Names `fold`, `picture` and `empty_svg`.
//! Broken by: `tests/svg_titles.rs`, `tests/svg_names.rs`, `tests/svg_empty.rs`.

use std::io::{self, Write};

use alloc_tracer::Profile;
use inferno::flamegraph::color::BackgroundColor;

use crate::column::Column;
use crate::empty_svg::EmptyPicture;
use crate::filter::Filter;
use crate::fold::{FoldedTree, Node};
use crate::origin::Origin;
use crate::picture::Picture;
use crate::stack::Stacks;
use alloc_tracer::size::percent;

/// How a flame graph is to look.
#[derive(Debug, Clone, Default)]
pub struct SvgOptions {
    /// Stands before the column's words in the title, for example the name of a demonstration.
    pub title: Option<String>,
    /// Which stacks are drawn.
    pub filter: Filter,
    /// Where the roots of the stacks are.
    pub root: Root,
    /// Keeps the runtime's start frames at the root of every stack.
    pub full_stacks: bool,
    /// How many pixels wide it is drawn for whoever runs no script, above all a page that shows it as an image:
    /// names are cut to fit. In a window of its own the picture is as wide as the window. 1200 if not given.
    pub width: Option<u32>,
}

/// The side of the picture at which stacks begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Root {
    /// Callers above callees, as in pprof's own flame graphs.
    #[default]
    Top,
    /// Callers below callees, as flames burn.
    Bottom,
}

/// Writes a flame graph of the column. A column without positive values gives a picture that says
/// so. The same profile and options always give the same bytes.
///
/// # Errors
/// Those of `out`.
pub fn write_svg(
    profile: &Profile,
    column: &Column,
    options: &SvgOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let filter = &options.filter;
    let tree = FoldedTree::of(profile, column, filter, options.full_stacks);
    let total = tree.root().total;
    let origin = Origin::of(profile).line();
    // Negative values come from a profile that is itself a difference.
    let (drawn, negative) = tree.grown_and_shrunk();
    let mut notes = Vec::new();
    if negative > 0 && drawn > 0 {
        notes.push(format!("{} of negative values are not drawn", column.amount(negative)));
    }
    notes.push(in_focus(filter, total, profile, column));
    notes.push(origin);
    notes.push(standard_error(profile, column, filter));
    let title = titled(options, &format!("{}: {}", column.words(), column.amount(total)));
    let subtitle = join(&notes);
    let facts = |node: &Node| facts(column, node.total, drawn);
    let picture = Picture {
        tree: &tree,
        title: title.clone(),
        subtitle: subtitle.clone(),
        root: options.root,
        count_name: column.count_name(),
        background: BackgroundColor::Green,
        facts: &facts,
        colour: None,
        width: options.width,
    };
    match picture.draw()? {
        Some(svg) => out.write_all(&svg),
        None => EmptyPicture { title, subtitle, message: &why_empty(profile, column, filter, negative) }
            .write(out),
    }
}

/// How sure an estimated total is; empty where it was counted.
fn standard_error(profile: &Profile, column: &Column, filter: &Filter) -> String {
    let stacks = Stacks::of(profile);
    let filter = filter.of(&stacks);
    let samples = profile.samples().filter(|sample| filter.counts(sample));
    match samples.map(|sample| column.variance_of(sample.values)).sum::<f64>() {
        variance if variance > 0.0 => {
            format!("standard error ± {}", column.amount(variance.sqrt().round() as i64))
        }
        _ => String::new(),
    }
}

fn why_empty(profile: &Profile, column: &Column, filter: &Filter, negative: i64) -> String {
    let name = &column.name;
    if filter.is_set() && profile.total(column.index) != 0 {
        format!("Nothing to draw: no call stack in focus has any of {name}.")
    } else if negative > 0 {
        format!("Nothing to draw: {name} has only negative values, or they cancel out.")
    } else if profile.samples().len() == 0 {
        "Nothing to draw: the profile holds no call stack at all.".into()
    } else {
        let any = profile.samples().any(|sample| sample.values[column.index] != 0);
        match any {
            true => format!("Nothing to draw: the values of {name} cancel each other out."),
            false => format!("Nothing to draw: {name} is zero in every call stack."),
        }
    }
}

/// Which part of the whole is drawn; empty where all is.
pub(crate) fn in_focus(filter: &Filter, drawn: i64, profile: &Profile, column: &Column) -> String {
    let whole = profile.total(column.index);
    match filter.is_set() {
        true => format!("in focus: {:.2}% of {}", percent(drawn, whole), column.amount(whole)),
        false => String::new(),
    }
}

/// The facts behind a frame's name: `12,345 bytes, 12.30%; 12.1 KiB`.
pub(crate) fn facts(column: &Column, value: i64, whole: i64) -> String {
    let rounded = match column.is_rounded(value) {
        true => format!("; {}", column.amount(value)),
        false => String::new(),
    };
    format!("{}, {:.2}%{rounded}", column.exactly(value), percent(value, whole))
}

/// The title, with the user's own words before it.
pub(crate) fn titled(options: &SvgOptions, words: &str) -> String {
    match &options.title {
        Some(title) => format!("{} · {words}", crate::frame_name::printable(title)),
        None => words.to_owned(),
    }
}

/// The notes that are not empty, in one line.
pub(crate) fn join(notes: &[String]) -> String {
    let known: Vec<&str> = notes.iter().map(String::as_str).filter(|note| !note.is_empty()).collect();
    known.join(" · ")
}
