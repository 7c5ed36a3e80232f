//! Pictures of any names, titles and units are well-formed XML in the eyes of a parser that the product does not
//! use; they have no other elements, attributes, scripts or styles than a picture of harmless names; and the
//! names are in them.

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;

use alloc_flamegraph::frame_name::{foldable, printable};
use alloc_flamegraph::{Column, Root, SvgOptions, write_svg, write_svg_diff};
use roxmltree::{Document, Node, ParsingOptions};

use super::any_profile::{AnyProfile, AnySample};

const HARMLESS: &[u8] =
    b"Title\xffinuse_space\xffbytes\xff\xffprogram\xfe100/50\xffmain\xffa\xfe7/9\xffmain\xffb::<T>\xfe1\xff";
const HARMLESS_AND_EMPTY: &[u8] = b"Title\xffinuse_space\xffbytes";
/// Frames below a tenth of a percent have no room; what is well above it is there.
const SURE_PART: i128 = 500;

pub(crate) fn any_stacks_are_drawn(bytes: &[u8]) {
    let any = AnyProfile::of(bytes);
    for root in [Root::Top, Root::Bottom] {
        check(&any, &draw(&any, root));
    }
    check(&any, &draw_difference(&any));
}

fn options(any: &AnyProfile, root: Root) -> SvgOptions {
    SvgOptions { title: Some(any.title.clone()), root, full_stacks: true, width: None }
}

fn draw(any: &AnyProfile, root: Root) -> String {
    let profile = any.profile(|sample| sample.value);
    let column = Column::find(&profile, None).expect("there is one column");
    let mut svg = Vec::new();
    write_svg(&profile, &column, &options(any, root), &mut svg).expect("every profile has a picture");
    String::from_utf8(svg).expect("text")
}

fn draw_difference(any: &AnyProfile) -> String {
    let [base, new] = [any.profile(|sample| sample.base), any.profile(|sample| sample.value)];
    let column = Column::find(&new, None).expect("there is one column");
    let mut svg = Vec::new();
    write_svg_diff((&base, &column), (&new, &column), &options(any, Root::Top), &mut svg)
        .expect("every difference has a picture");
    String::from_utf8(svg).expect("text")
}

fn check(any: &AnyProfile, svg: &str) {
    assert!(!svg.contains(|c: char| c.is_control() && !"\n\t\r".contains(c)), "a control character in {svg}");
    let document = parse(svg);
    for part in parts(&document) {
        assert!(harmless_parts().contains(&part), "{part} is in no picture of harmless names:\n{svg}");
    }
    let title = document.descendants().find(|node| node.attribute("id") == Some("title"));
    let title = text(title.expect("a picture has a title"));
    assert!(title.starts_with(&printable(&any.title)), "{title:?} for {:?}", any.title);

    let frames: Vec<([String; 2], u64)> = document.descendants().filter_map(frame).collect();
    let mut known: HashSet<String> = ["all", "[many small stacks]", "[no stack]"].map(str::to_owned).into();
    let names = any.samples.iter().flat_map(|sample| &sample.names);
    known.extend(names.map(|name| foldable(&printable(name))));
    for (names, _) in &frames {
        assert!(names.iter().any(|name| known.contains(name)), "{names:?} came from nowhere:\n{svg}");
    }
    let drawn: HashSet<&String> = frames.iter().flat_map(|(names, _)| names).collect();
    for name in large_names(&any.samples) {
        assert!(drawn.contains(&name), "{name:?} is not drawn:\n{svg}");
    }
    if let Some(widest) = frames.iter().map(|(_, width)| *width).max() {
        let is_root = |(names, width): &([String; 2], u64)| names[0] == "all" && *width == widest;
        assert!(frames.iter().any(is_root), "the root is as wide as any:\n{svg}");
    }
}

fn parse(svg: &str) -> Document<'_> {
    // inferno names the type of its documents.
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(svg, options).unwrap_or_else(|error| panic!("{error}:\n{svg}"))
}

/// Every kind of element with its attributes, and every script and style with its text.
fn parts(document: &Document<'_>) -> BTreeSet<String> {
    let each = document.descendants().map(|node| {
        if node.is_element() {
            let name = node.tag_name().name();
            let mut attributes: Vec<&str> = node.attributes().map(|attribute| attribute.name()).collect();
            attributes.sort_unstable();
            let code = if ["script", "style"].contains(&name) { text(node) } else { String::new() };
            format!("<{name} {}>{code}", attributes.join(" "))
        } else {
            format!("{:?}", node.node_type())
        }
    });
    each.collect()
}

fn harmless_parts() -> &'static BTreeSet<String> {
    static PARTS: OnceLock<BTreeSet<String>> = OnceLock::new();
    PARTS.get_or_init(|| {
        let pictures = [HARMLESS, HARMLESS_AND_EMPTY]
            .map(AnyProfile::of)
            .into_iter()
            .flat_map(|any| [draw(&any, Root::Top), draw(&any, Root::Bottom), draw_difference(&any)]);
        pictures.flat_map(|svg| parts(&parse(&svg))).collect()
    })
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

/// What a drawn frame may be called, and its width. In its title the name's arguments stand behind the facts,
/// `run (12 bytes, 3.00%; ::<T>)`, where a unit may look like them.
fn frame(rect: Node<'_, '_>) -> Option<([String; 2], u64)> {
    let width =
        rect.attributes().find(|attribute| attribute.name() == "w")?.value().parse().expect("a width");
    let title = rect.parent()?.children().find(|node| node.tag_name().name() == "title");
    let title = text(title.expect("a frame has a title"));
    let (function, facts) = title.rsplit_once(" (").expect("facts behind the name");
    let facts = facts.strip_suffix(')').expect("facts in parentheses");
    let arguments = facts.rsplit_once("; ::<").map(|(_, arguments)| format!("::<{arguments}"));
    Some(([function.to_owned(), format!("{function}{}", arguments.unwrap_or_default())], width))
}

/// The names whose stacks are a part of the picture that has room.
fn large_names(samples: &[AnySample]) -> Vec<String> {
    // A stack that another sample takes values from may have none left.
    if samples.iter().any(|sample| sample.value < 0) {
        return vec![];
    }
    let sum: i128 = samples.iter().map(|sample| i128::from(sample.value)).sum();
    let large = samples.iter().filter(|sample| i128::from(sample.value) * SURE_PART > sum);
    large.flat_map(|sample| &sample.names).map(|name| foldable(&printable(name))).collect()
}
