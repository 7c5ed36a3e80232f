//! Profiles made by hand, the drawn frames of an SVG as an independent XML parser sees them, and
//! runs of the real binary.
#![allow(dead_code, reason = "every test file takes what it needs")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use alloc_tracer::Profile;
use alloc_tracer::profile::{Function, Line, Location, LocationId};
use quick_xml::Reader;
use quick_xml::events::Event;

/// A profile in which every sample is a stack of names, root first, with its values.
pub(crate) fn profile(columns: &[(&str, &str)], samples: &[(&[&str], &[i64])]) -> Profile {
    let mut profile = Profile::new();
    for (name, unit) in columns {
        profile.add_sample_type(name, unit);
    }
    let mut locations: HashMap<String, LocationId> = HashMap::new();
    for (stack, values) in samples {
        let leaf_first: Vec<LocationId> =
            stack.iter().rev().map(|name| location(&mut profile, &mut locations, name)).collect();
        profile.add_sample(&leaf_first, values, &[]);
    }
    profile
}

/// Bytes in use only.
pub(crate) fn in_use(samples: &[(&[&str], i64)]) -> Profile {
    let widened: Vec<(&[&str], [i64; 1])> = samples.iter().map(|(stack, value)| (*stack, [*value])).collect();
    let samples: Vec<(&[&str], &[i64])> = widened.iter().map(|(stack, value)| (*stack, &value[..])).collect();
    profile(&[("inuse_space", "bytes")], &samples)
}

fn location(profile: &mut Profile, known: &mut HashMap<String, LocationId>, name: &str) -> LocationId {
    if let Some(id) = known.get(name) {
        return *id;
    }
    let interned = profile.intern(name);
    let file = profile.intern(&format!("src/{}.rs", name.split("::").next().unwrap_or(name)));
    let function = profile.add_function(Function { name: interned, file, ..Function::default() });
    let line = Line { function, line: 1, column: 1 };
    let id = profile.add_location(Location { lines: vec![line], ..Location::default() });
    known.insert(name.to_owned(), id);
    id
}

pub(crate) const GO: [(&str, &[u8]); 4] = [
    ("go 1.19, before", include_bytes!("../../../alloc-tracer/tests/data/go-heap-before.pb.gz")),
    ("go 1.19", include_bytes!("../../../alloc-tracer/tests/data/go-heap.pb.gz")),
    ("go 1.27, before", include_bytes!("../../../alloc-tracer/tests/data/go127-heap-before.pb.gz")),
    ("go 1.27", include_bytes!("../../../alloc-tracer/tests/data/go127-heap.pb.gz")),
];

/// A frame as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) fill: String,
    pub(crate) x: u64,
    pub(crate) width: u64,
    pub(crate) y: i64,
}

impl Frame {
    /// The function's name without the facts in parentheses.
    pub(crate) fn name(&self) -> &str {
        &self.title[..self.title.rfind(" (").unwrap()]
    }

    pub(crate) fn rgb(&self) -> [u32; 3] {
        let numbers = self.fill.trim_start_matches("rgb(").trim_end_matches(')');
        let parts: Vec<u32> = numbers.split(',').map(|part| part.parse().unwrap()).collect();
        parts.try_into().unwrap()
    }
}

/// What a picture shows.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) frames: Vec<Frame>,
    /// The texts by their ids: `title`, `subtitle`, `message`.
    pub(crate) texts: HashMap<String, String>,
}

impl Seen {
    pub(crate) fn frame(&self, name: &str) -> &Frame {
        let found: Vec<&Frame> = self.frames.iter().filter(|frame| frame.name() == name).collect();
        assert_eq!(found.len(), 1, "{name} among {:?}", self.frames);
        found[0]
    }
}

/// Parses an SVG strictly: every byte must be well-formed XML.
pub(crate) fn see(svg: &[u8]) -> Seen {
    let text = std::str::from_utf8(svg).expect("an SVG in UTF-8");
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r'),
        "control character"
    );
    let mut reader = Reader::from_str(text);
    let mut seen = Seen::default();
    let (mut title, mut id) = (None::<String>, None::<String>);
    let mut open = 0_i32;
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Eof => break,
            Event::Start(tag) => {
                open += 1;
                let attributes = attributes(&tag);
                match tag.name().as_ref() {
                    b"title" => title = Some(String::new()),
                    b"text" => id = attributes.get("id").cloned(),
                    _ => {}
                }
            }
            Event::End(tag) => {
                open -= 1;
                if tag.name().as_ref() == b"text" {
                    id = None;
                }
            }
            Event::Empty(tag) => {
                let attributes = attributes(&tag);
                if let (Some(x), Some(width)) = (attributes.get("fg:x"), attributes.get("fg:w")) {
                    seen.frames.push(Frame {
                        title: title.take().expect("a title before its rectangle"),
                        fill: attributes["fill"].clone(),
                        x: x.parse().unwrap(),
                        width: width.parse().unwrap(),
                        y: attributes["y"].parse().unwrap(),
                    });
                }
            }
            Event::Text(text) => add(&mut seen, &mut title, &id, &text.decode().unwrap()),
            Event::GeneralRef(entity) => {
                let character = match entity.resolve_char_ref().unwrap() {
                    Some(character) => character.to_string(),
                    None => match &*entity.decode().unwrap() {
                        "lt" => "<".into(),
                        "gt" => ">".into(),
                        "amp" => "&".into(),
                        "quot" => "\"".into(),
                        "apos" => "'".into(),
                        other => panic!("unknown entity {other}"),
                    },
                };
                add(&mut seen, &mut title, &id, &character);
            }
            _ => {}
        }
    }
    assert_eq!(open, 0, "every element is closed");
    seen
}

fn add(seen: &mut Seen, title: &mut Option<String>, id: &Option<String>, text: &str) {
    match (title, id) {
        (_, Some(id)) => seen.texts.entry(id.clone()).or_default().push_str(text),
        (Some(title), None) => title.push_str(text),
        _ => {}
    }
}

fn attributes(tag: &quick_xml::events::BytesStart<'_>) -> HashMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let each = tag.attributes().map(|attribute| attribute.expect("well-formed attributes"));
    each.map(|attribute| (text(attribute.key.as_ref()), text(&attribute.value))).collect()
}

/// Writes a profile to a file and returns its path.
pub(crate) fn stored(directory: &Path, name: &str, profile: &Profile) -> PathBuf {
    let path = directory.join(name);
    profile.write_pprof(std::fs::File::create(&path).unwrap()).unwrap();
    path
}

/// Runs the real binary.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_alloc-flamegraph")).args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
