//! A flame graph of what a column gained and lost against a base: widths are the new values, red
//! grew, blue shrank, and a frame's colour counts everything beneath it, so that growth is visible
//! from the root on. Names `fold`, `picture` and `empty_svg`. Broken by: `tests/svg_diff.rs`.

use std::io::{self, Write};

use alloc_tracer::Profile;
use inferno::flamegraph::color::{BackgroundColor, Color};

use crate::column::Column;
use crate::empty_svg::EmptyPicture;
use crate::fold::{FoldedTree, Node};
use crate::origin::Origin;
use crate::picture::Picture;
use crate::svg::{SvgOptions, facts, in_focus, join, titled};

/// Writes a flame graph of the column in `new`, coloured by the change since `base`. The columns
/// are the same column of either profile.
///
/// # Errors
/// Those of `out`.
pub fn write_svg_diff(
    base: (&Profile, &Column),
    new: (&Profile, &Column),
    options: &SvgOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let column = new.1;
    let tree = FoldedTree::between(base, new, &options.filter, options.full_stacks);
    let root = tree.root();
    let words = format!(
        "{}: {} ({} since the base)",
        column.words(),
        column.amount(root.total),
        column.change(root.change())
    );
    let title = titled(options, &words);
    let focus = in_focus(&options.filter, root.total, new.0, column);
    let subtitle =
        join(&[legend(&tree, column), focus, Origin { date: String::new(), ..Origin::of(new.0) }.line()]);
    let drawn: i64 = tree.nodes().iter().map(|node| node.own.max(0)).fold(0, i64::saturating_add);
    let strongest = strongest_change(&tree, drawn);
    let facts = |node: &Node| {
        let separator = if column.is_rounded(node.total) { "," } else { ";" };
        format!("{}{separator} {}", facts(column, node.total, drawn), column.change(node.change()))
    };
    let colour = |node: &Node| change_colour(node.change(), strongest);
    let picture = Picture {
        tree: &tree,
        title: title.clone(),
        subtitle: subtitle.clone(),
        root: options.root,
        count_name: column.count_name(),
        background: BackgroundColor::Flat(Color { r: 250, g: 250, b: 250 }),
        facts: &facts,
        colour: Some(&colour),
        width: options.width,
    };
    match picture.draw()? {
        Some(svg) => out.write_all(&svg),
        None => {
            let message = match root.total_base {
                0 if options.filter.is_set() => {
                    "Nothing to draw: no call stack of either file is in focus.".into()
                }
                0 => format!("Nothing to draw: {} is empty in both files.", column.name),
                base => format!("Nothing is left of the base's {}.", column.amount(base)),
            };
            EmptyPicture { title, subtitle, message: &message }.write(out)
        }
    }
}

/// How to read the colours, and what cannot be seen.
fn legend(tree: &FoldedTree, column: &Column) -> String {
    let (grown, shrunk) = tree.grown_and_shrunk();
    if (grown, shrunk) == (0, 0) {
        return "nothing grew or shrank".into();
    }
    let gone = tree.nodes().iter().filter(|node| node.own == 0 && node.own_base > 0);
    let gone: i64 = gone.map(|node| node.own_base).fold(0, i64::saturating_add);
    let mut legend = format!("red grew {}, blue shrank {}", column.amount(grown), column.amount(shrunk));
    if gone > 0 {
        legend += &format!(" ({} in stacks that are gone, not drawn)", column.amount(gone));
    }
    legend
}

/// The largest change among the frames that can be seen, the root included.
fn strongest_change(tree: &FoldedTree, drawn: i64) -> u64 {
    let visible = tree.nodes().iter().filter(|node| node.depth == 0 || node.total > drawn / 1000);
    visible.map(|node| node.change().unsigned_abs()).max().unwrap_or(0)
}

/// Light grey for no change, red for growth, blue for shrinking. The square root keeps a tenth of the
/// strongest change visible; the darkest tones still carry black text.
fn change_colour(change: i64, strongest: u64) -> [u8; 3] {
    const UNCHANGED: [f64; 3] = [224.0, 224.0, 224.0];
    const GREW: [f64; 3] = [238.0, 82.0, 72.0];
    const SHRANK: [f64; 3] = [84.0, 142.0, 240.0];
    let strength = match strongest {
        0 => 0.0,
        _ => (change.unsigned_abs() as f64 / strongest as f64).min(1.0).sqrt(),
    };
    let end = if change > 0 { GREW } else { SHRANK };
    std::array::from_fn(|i| (UNCHANGED[i] + (end[i] - UNCHANGED[i]) * strength).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::change_colour;

    #[test]
    fn growth_is_red_shrinking_is_blue_and_nothing_is_grey() {
        let [red, green, blue] = change_colour(100, 100);
        assert!(red > green && red > blue);
        let [red, green, blue] = change_colour(-100, 100);
        assert!(blue > green && blue > red);
        assert_eq!(change_colour(0, 100), [224, 224, 224]);
        assert_eq!(change_colour(0, 0), [224, 224, 224]);
        assert_eq!(change_colour(i64::MIN, 1), change_colour(-1, 1));
    }
}
