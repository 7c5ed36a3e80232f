//! Hostile names stay one frame each and the picture stays valid XML.

mod hand_made;

use alloc_flamegraph::{Column, SvgOptions, write_svg, write_svg_diff};
use hand_made::{in_use, see};

const NAMES: [&str; 14] = [
    "<[u8; 16] as Fill>::fill",
    "worker 12",
    "worker 12 13",
    "worker 0.5",
    "12",
    "12 34",
    "--",
    "-",
    "]]> <script>alert(1)</script>",
    "a\x00b\x1b[31m\u{7f}\u{9b}\ttab\nline",
    "\u{202e}reversed\u{ffff}",
    "f(int, char const*) const (.cold)",
    "# comment",
    "größe::Ω<'a> & \"b\"",
];

#[test]
fn every_name_is_one_frame_with_its_own_width() {
    for (index, name) in NAMES.iter().enumerate() {
        let profile = in_use(&[(&["root", name, "leaf"], 1000), (&["root", name], 100), (&[name], 10)]);
        let column = Column::find(&profile, None).unwrap();
        for differential in [false, true] {
            let mut svg = Vec::new();
            let options = SvgOptions { title: Some(format!("-- {name}")), ..SvgOptions::default() };
            match differential {
                false => write_svg(&profile, &column, &options, &mut svg).unwrap(),
                true => write_svg_diff((&profile, &column), (&profile, &column), &options, &mut svg).unwrap(),
            }
            let seen = see(&svg);
            let mut widths: Vec<u64> = seen.frames.iter().map(|frame| frame.width).collect();
            widths.sort_unstable();
            assert_eq!(widths, [10, 1000, 1100, 1100, 1110], "{index}: {name:?}");
            assert_eq!(seen.frame("all").width, 1110);
        }
    }
}

#[test]
fn harmless_names_are_not_changed() {
    for name in ["größe::Ω<'a> & \"b\"", "<alloc::vec::Vec<T> as Extend<T>>::extend", "a b c"] {
        let profile = in_use(&[(&[name], 5)]);
        let mut svg = Vec::new();
        write_svg(&profile, &Column::find(&profile, None).unwrap(), &SvgOptions::default(), &mut svg)
            .unwrap();
        assert_eq!(see(&svg).frame(name).width, 5);
    }
}
