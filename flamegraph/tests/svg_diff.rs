//! In a picture of differences growth is visible from the root on.

mod hand_made;

use alloc_flamegraph::{Column, Root, SvgOptions, write_svg_diff};
use alloc_tracer::Profile;
use hand_made::{GO, Seen, in_use, see};

fn draw(base: &Profile, new: &Profile, root: Root) -> Seen {
    let (base_column, new_column) = (Column::find(base, None).unwrap(), Column::find(new, None).unwrap());
    let mut svg = Vec::new();
    let options = SvgOptions { root, ..SvgOptions::default() };
    write_svg_diff((base, &base_column), (new, &new_column), &options, &mut svg).unwrap();
    see(&svg)
}

fn is_red([red, green, blue]: [u32; 3]) -> bool {
    red > green && red > blue
}

fn is_blue([red, green, blue]: [u32; 3]) -> bool {
    blue > green && blue > red
}

#[test]
fn all_callers_of_a_leaf_that_grew_are_red_and_of_one_that_shrank_are_blue() {
    let base = in_use(&[
        (&["main", "serve", "cache", "insert"], 1_000),
        (&["main", "parse", "grow"], 5_000),
        (&["main", "steady"], 3_000),
        (&["main", "gone"], 700),
    ]);
    let new = in_use(&[
        (&["main", "serve", "cache", "insert"], 90_000),
        (&["main", "parse", "grow"], 2_000),
        (&["main", "steady"], 3_000),
    ]);
    for root in [Root::Top, Root::Bottom] {
        let seen = draw(&base, &new, root);
        for name in ["all", "main", "serve", "cache", "insert"] {
            assert!(is_red(seen.frame(name).rgb()), "{name}: {:?}", seen.frame(name));
        }
        for name in ["parse", "grow"] {
            assert!(is_blue(seen.frame(name).rgb()), "{name}: {:?}", seen.frame(name));
        }
        let [red, green, blue] = seen.frame("steady").rgb();
        assert!(red == green && green == blue);
        assert_eq!(seen.frame("serve").title, "serve (90,000 bytes, 94.74%; 87.9 KiB, +86.9 KiB)");
        assert_eq!(seen.frame("grow").title, "grow (2,000 bytes, 2.11%; 2.0 KiB, -2.9 KiB)");
        assert_eq!(seen.texts["title"], "Memory in use: 92.8 KiB (+83.3 KiB since the base)");
        assert!(seen.texts["subtitle"].contains("(700 B in stacks that are gone, not drawn)"));
    }
}

#[test]
fn more_growth_is_a_stronger_red() {
    let base = in_use(&[(&["a"], 10), (&["b"], 10)]);
    let new = in_use(&[(&["a"], 1_000), (&["b"], 100)]);
    let seen = draw(&base, &new, Root::Top);
    assert!(seen.frame("a").rgb()[1] < seen.frame("b").rgb()[1]);
}

#[test]
fn growth_and_shrinking_beneath_one_caller_are_added_up() {
    let base = in_use(&[(&["main", "up"], 100), (&["main", "down"], 300)]);
    let new = in_use(&[(&["main", "up"], 200), (&["main", "down"], 100)]);
    let seen = draw(&base, &new, Root::Top);
    assert!(is_blue(seen.frame("main").rgb()));
    assert!(is_red(seen.frame("up").rgb()));
    assert_eq!(seen.frame("main").title, "main (300 bytes, 100.00%; -100 B)");
}

#[test]
fn profiles_of_go_differ_by_the_difference_of_their_totals() {
    for (before, after) in [(GO[0].1, GO[1].1), (GO[2].1, GO[3].1)] {
        let (base, new) = (Profile::read_pprof(before).unwrap(), Profile::read_pprof(after).unwrap());
        let change = new.total(3) - base.total(3);
        let seen = draw(&base, &new, Root::Top);
        let words = format!("+{:.1} MiB since the base", change as f64 / 1048576.0);
        assert!(seen.texts["title"].contains(&words), "{} {words}", seen.texts["title"]);
        assert!(is_red(seen.frame("main.main").rgb()));
    }
}
