//! A flame graph drawn by inferno, with the order of siblings, the titles and, where wanted, the
//! colours of frames decided here: inferno hands out `<g><title/><rect fg:x fg:w y/><text/></g>`, and a
//! frame is known again by its depth and `fg:x`. Names `fold`, inferno and quick-xml.
//! Broken by: `tests/svg_titles.rs`, `tests/svg_names.rs`, `tests/svg_diff.rs`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;

use inferno::flamegraph::color::{BackgroundColor, BasicPalette};
use inferno::flamegraph::{Direction, Options, Palette};
use quick_xml::events::{BytesCData, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use crate::fold::{FoldedTree, Node};
use crate::frame_name::split_arguments;
use crate::svg::Root;

/// Frames narrower than this part of the picture, in percent, are left out: 14,000 frames then
/// take 165 KB.
const MIN_WIDTH_PERCENT: f64 = 0.1;

/// Browsers compute with the numbers in a picture as doubles, which are exact up to here.
const MOST_UNITS: u128 = 1 << 53;

/// Most bytes of all folded lines of a picture. A picture of 14,000 frames has about 4 MB.
const LINES_BYTES: usize = 256 << 20;

const FRAME_HEIGHT: usize = 16;

/// Pixels of a picture without a width of its own, of the margin on either side of the frames, and of what stands
/// before a name in its frame: inferno's.
const USUAL_WIDTH: u32 = 1200;
const MARGIN: u32 = 10;
const INDENT: f64 = 3.0;

/// Pixels of a letter: 12 high, as wide as in DejaVu Sans Mono and Menlo, the widest among the usual fonts.
const LETTER_WIDTH: f64 = 12.0 * 0.602;

/// A frame's red, green and blue.
pub(crate) type Colour<'a> = dyn Fn(&Node) -> [u8; 3] + 'a;

/// What to draw.
pub(crate) struct Picture<'a> {
    pub(crate) tree: &'a FoldedTree,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) root: Root,
    pub(crate) count_name: String,
    pub(crate) background: BackgroundColor,
    /// What is known about a frame, shown in parentheses behind its name.
    pub(crate) facts: &'a dyn Fn(&Node) -> String,
    /// The colours of frames; inferno's memory palette if there are none.
    pub(crate) colour: Option<&'a Colour<'a>>,
    /// Pixels; inferno's width if there is none.
    pub(crate) width: Option<u32>,
}

impl Picture<'_> {
    /// The SVG; nothing if no frame has a width.
    pub(crate) fn draw(&self) -> io::Result<Option<Vec<u8>>> {
        let layout = Layout::of(self.tree);
        if layout.lines.is_empty() {
            return Ok(None);
        }
        if layout.is_cut {
            return Err(io::Error::other("the names in this picture would take more than 256 MiB"));
        }
        let mut options = Options::default();
        options.title = self.title.clone();
        options.subtitle = Some(self.subtitle.clone());
        options.colors = Palette::Basic(BasicPalette::Mem);
        options.bgcolors = Some(self.background);
        options.deterministic = true;
        options.direction = match self.root {
            Root::Top => Direction::Inverted,
            Root::Bottom => Direction::Straight,
        };
        options.count_name = self.count_name.clone();
        options.image_width = self.width.map(|width| width as usize);
        options.min_width = MIN_WIDTH_PERCENT;
        options.frame_height = FRAME_HEIGHT;
        // Keeps the order of the lines, which it takes back to front. inferno's own order, that of
        // whole lines as bytes, draws a function twice if it allocates itself, calls others, and has
        // a sibling whose name continues its name with a character before `;`: `run`, `run::{{closure}}`.
        options.flame_chart = true;
        let mut drawn = Vec::new();
        let back_to_front = layout.lines.iter().rev().map(String::as_str);
        inferno::flamegraph::from_lines(&mut options, back_to_front, &mut drawn)?;
        let mut finished = Vec::with_capacity(drawn.len() * 5 / 4);
        self.finish(&drawn, &layout, &mut finished)?;
        Ok(Some(finished))
    }

    /// Copies inferno's picture with this picture's titles and colours.
    fn finish(&self, drawn: &[u8], layout: &Layout, out: &mut Vec<u8>) -> io::Result<()> {
        let events = parse(drawn)?;
        let rows = Rows::of(&events, self.root)?;
        let mut writer = Writer::new(out);
        let (mut in_frames, mut in_title) = (false, false);
        // What stands in the frame, as far as it is read, and the frame's name.
        let (mut label, mut name_of_frame, mut room_letters) = (None, "", 0);
        for event in events {
            match event {
                Event::Start(tag) if in_frames && tag.name().as_ref() == b"text" => {
                    label = Some(Vec::new());
                    writer.write_event(Event::Start(tag))?;
                }
                Event::End(tag) if label.is_some() && tag.name().as_ref() == b"text" => {
                    let events = label.take().unwrap_or_default();
                    match cut_on_the_left(&events, name_of_frame, room_letters)? {
                        Some(text) => writer.write_event(Event::Text(BytesText::new(&text)))?,
                        None => events.into_iter().try_for_each(|event| writer.write_event(event))?,
                    }
                    writer.write_event(Event::End(tag))?;
                }
                event if label.is_some() => label.iter_mut().for_each(|label| label.push(event.clone())),
                Event::Start(tag) if attribute(&tag, b"id").as_deref() == Some("frames") => {
                    in_frames = true;
                    writer.write_event(Event::Start(tag))?;
                }
                // The title stands before the rectangle that tells which frame it is for: it is
                // written together with the rectangle.
                Event::Start(tag) if in_frames && tag.name().as_ref() == b"title" => in_title = true,
                Event::End(tag) if in_title && tag.name().as_ref() == b"title" => in_title = false,
                _ if in_title => {}
                Event::Empty(tag) if in_frames && tag.name().as_ref() == b"rect" => {
                    let place = rows.frame(&tag).ok_or_else(changed_layout)?;
                    let (name, node) = match layout.frames.get(&place).ok_or_else(changed_layout)? {
                        Drawn::Node(id) => {
                            let node = &self.tree.nodes()[*id as usize];
                            (self.tree.name(node), node)
                        }
                        Drawn::TooNarrow => (TOO_NARROW, &layout.too_narrow),
                    };
                    name_of_frame = split_arguments(name).map_or(name, |(function, _)| function);
                    room_letters = self.room_letters(&tag).ok_or_else(changed_layout)?;
                    let title = self.title_of(name, node);
                    let element = writer.create_element("title");
                    element.write_text_content(BytesText::new(&title))?;
                    writer.write_event(Event::Empty(self.coloured(tag, node)))?;
                }
                Event::CData(script) if self.width.is_some() => {
                    writer.write_event(Event::CData(fluid(&script)?))?;
                }
                other => writer.write_event(other)?,
            }
        }
        Ok(())
    }

    /// A frame's name and facts. The script in the picture writes into the frame what stands before
    /// the last `(`, and cuts it off on the left where it is too long: so the arguments of a generic
    /// function, which would push its name out, move behind the facts.
    fn title_of(&self, name: &str, node: &Node) -> String {
        // A unit may have a parenthesis of its own.
        let facts = (self.facts)(node).replace('(', "[").replace(')', "]");
        match split_arguments(name) {
            Some((function, arguments)) => format!("{function} ({facts}; {arguments})"),
            None => format!("{name} ({facts})"),
        }
    }

    /// How long a name the frame has room for.
    fn room_letters(&self, rect: &BytesStart<'_>) -> Option<usize> {
        let percent: f64 = attribute(rect, b"width")?.strip_suffix('%')?.parse().ok()?;
        let all = self.width.unwrap_or(USUAL_WIDTH).saturating_sub(2 * MARGIN);
        Some(((f64::from(all) * percent / 100.0 - INDENT) / LETTER_WIDTH).max(0.0) as usize)
    }

    fn coloured<'t>(&self, tag: BytesStart<'t>, node: &Node) -> BytesStart<'t> {
        let Some(colour) = self.colour else { return tag };
        let [red, green, blue] = colour(node);
        let mut coloured = BytesStart::new("rect");
        for attribute in tag.attributes().flatten() {
            match attribute.key.as_ref() {
                b"fill" => coloured.push_attribute(("fill", format!("rgb({red},{green},{blue})").as_str())),
                _ => coloured.push_attribute(attribute),
            }
        }
        coloured
    }
}

/// A name that does not fit its frame, cut on the left, as the script in the picture does it: the end of a path
/// says more than the beginning, which all frames of a program share. inferno cuts on the right, and by a width
/// in which it counts the margins. Nothing if the name fits as it is drawn.
fn cut_on_the_left(drawn: &[Event<'_>], name: &str, room_letters: usize) -> io::Result<Option<String>> {
    let mut letters = 0;
    let mut last = String::new();
    for event in drawn {
        match event {
            Event::Text(text) => {
                last = text.decode().map_err(io::Error::other)?.into_owned();
                letters += last.chars().count();
            }
            // A character that must be written otherwise.
            _ => letters += 1,
        }
    }
    if letters <= room_letters && !last.ends_with("..") {
        return Ok(None);
    }
    let length = name.chars().count();
    Ok(Some(match room_letters {
        _ if length <= room_letters => name.to_owned(),
        0..3 => String::new(),
        _ => format!("..{}", name.chars().skip(length + 2 - room_letters).collect::<String>()),
    }))
}

/// The script as it is in a picture without a width of its own: it fits the picture to its window.
fn fluid(script: &BytesCData<'_>) -> io::Result<BytesCData<'static>> {
    let script = std::str::from_utf8(script).map_err(io::Error::other)?;
    Ok(BytesCData::new(script.replace("var fluiddrawing = false;", "var fluiddrawing = true;")))
}

/// The folded lines in drawing order, widest sibling first, and which node is drawn where.
struct Layout {
    lines: Vec<String>,
    /// From depth and first unit to what is drawn there.
    frames: HashMap<(u32, u64), Drawn>,
    /// Whether there were more lines than there is room for.
    is_cut: bool,
    /// The sums of all stacks that have no frame of their own beneath the root.
    too_narrow: Node,
}

enum Drawn {
    Node(u32),
    TooNarrow,
}

const TOO_NARROW: &str = "[many small stacks]";

impl Layout {
    fn of(tree: &FoldedTree) -> Layout {
        let widths = widths(tree);
        let all = widths[0];
        let mut layout = Layout {
            lines: Vec::new(),
            frames: HashMap::new(),
            is_cut: false,
            too_narrow: tree.root().clone(),
        };
        let mut room_bytes = LINES_BYTES;
        if all == 0 {
            return layout;
        }
        let is_drawn = |id: u32| widths[id as usize] as f64 * 100.0 >= MIN_WIDTH_PERCENT * all as f64;
        let children = tree.children(is_drawn, |id| Reverse(widths[id as usize]));
        // Depth first without recursion: a stack may be deeper than the thread's own.
        let mut path = String::new();
        let mut open = vec![Open { node: 0, next: 0, end_of_path: 0, x: 0 }];
        layout.frames.insert((0, 0), Drawn::Node(0));
        for child in children.of(0) {
            layout.too_narrow.subtract(&tree.nodes()[*child as usize]);
        }
        while let Some(top) = open.last_mut() {
            let node = top.node as usize;
            if let Some(child) = children.of(top.node).get(top.next) {
                let (x, end_of_path) = (top.x, top.end_of_path);
                top.next += 1;
                top.x += widths[*child as usize];
                path.truncate(end_of_path);
                if end_of_path > 0 {
                    path.push(';');
                }
                let drawn = &tree.nodes()[*child as usize];
                path.push_str(tree.name(drawn));
                layout.frames.insert((drawn.depth, x), Drawn::Node(*child));
                open.push(Open { node: *child, next: 0, end_of_path: path.len(), x });
            } else {
                // What ends here, and what is too narrow to be drawn above it.
                let within: u64 = children.of(top.node).iter().map(|child| widths[*child as usize]).sum();
                let own = widths[node] - within;
                path.truncate(top.end_of_path);
                if own > 0 && node > 0 {
                    match room_bytes.checked_sub(path.len()) {
                        Some(room) => room_bytes = room,
                        None => {
                            layout.is_cut = true;
                            return layout;
                        }
                    }
                    layout.lines.push(format!("{path} {own}"));
                } else if own > 0 {
                    layout.lines.push(format!("{TOO_NARROW} {own}"));
                    layout.frames.insert((1, top.x), Drawn::TooNarrow);
                }
                open.pop();
            }
        }
        layout
    }
}

struct Open {
    node: u32,
    next: usize,
    end_of_path: usize,
    x: u64,
}

/// Every node's width in units, of which the root has at most [`MOST_UNITS`].
fn widths(tree: &FoldedTree) -> Vec<u64> {
    let own = |node: &Node| node.own.max(0) as u128;
    let all: u128 = tree.nodes().iter().map(own).sum();
    let mut shift = 0;
    while all >> shift > MOST_UNITS {
        shift += 1;
    }
    let mut widths: Vec<u64> = tree.nodes().iter().map(|node| (own(node) >> shift) as u64).collect();
    for index in (1..widths.len()).rev() {
        widths[tree.nodes()[index].parent as usize] += widths[index];
    }
    widths
}

/// Where the rows of frames lie in inferno's picture.
struct Rows {
    y_of_root: i64,
    downwards: i64,
}

impl Rows {
    fn of(events: &[Event<'_>], root: Root) -> io::Result<Rows> {
        let rows = events.iter().filter_map(|event| match event {
            Event::Empty(tag) if attribute(tag, b"fg:x").is_some() => attribute(tag, b"y")?.parse().ok(),
            _ => None,
        });
        let (y_of_root, downwards) = match root {
            Root::Top => (rows.min(), 1),
            Root::Bottom => (rows.max(), -1),
        };
        Ok(Rows { y_of_root: y_of_root.ok_or_else(changed_layout)?, downwards })
    }

    /// Depth and first unit of the frame that a rectangle stands for.
    fn frame(&self, rect: &BytesStart<'_>) -> Option<(u32, u64)> {
        let y: i64 = attribute(rect, b"y")?.parse().ok()?;
        let depth = (y - self.y_of_root) * self.downwards / FRAME_HEIGHT as i64;
        Some((u32::try_from(depth).ok()?, attribute(rect, b"fg:x")?.parse().ok()?))
    }
}

fn parse(svg: &[u8]) -> io::Result<Vec<Event<'_>>> {
    let mut reader = Reader::from_reader(svg);
    let mut events = Vec::new();
    loop {
        match reader.read_event().map_err(io::Error::other)? {
            Event::Eof => return Ok(events),
            event => events.push(event),
        }
    }
}

fn attribute(tag: &BytesStart<'_>, key: &[u8]) -> Option<String> {
    let found = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == key)?;
    String::from_utf8(found.value.into_owned()).ok()
}

fn changed_layout() -> io::Error {
    io::Error::other("inferno's picture is laid out in a way that is not known here")
}
