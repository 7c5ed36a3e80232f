//! Documents removed from their map keep themselves alive: each section holds its parent with an `Rc`.
//!
//! Kept: every document that was ever parsed, by its own sections; the map is empty, and no variable of the
//! program leads to them.
//! Why: an `Rc` counts references and asks nobody where they come from. The document owns its sections, each
//! section owns the document, and so no count ever falls to zero.
//! inuse_space: one tower fills the width, `parse_document` down to `load_text`: texts of documents that are
//! gone. No frame of the cache is left, as its map is empty and shrunk. Who looks for a holder finds none:
//! what is in the tower and in no collection of the program holds itself.
//! alloc_space: the same tower, beside it a narrow one for the map's table; it looks the same once the leak
//! is fixed.
//! Fix: the way up is a `Weak`, `Rc::downgrade(&document)` (`weak-parent`); where that is too late, `cut` the
//! cycle before the last reference from outside goes: `document.children.take()`.
//! Broken by: `tests/demos/rc_cycle.rs`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::{Rc, Weak};

use alloc_tracer::size::{Bytes, Count};

use super::{Demo, Figure, Held, Size};
use crate::ledger::Ledger;

pub(super) const DEMO: Demo = Demo {
    name: "rc-cycle",
    row: "D10",
    is_core: false,
    figure: Figure::Held,
    size: Size { default: 1_000, unit: "documents of 36 KiB" },
    leaks: &["leaky"],
    fixes: &["weak-parent", "cut"],
    source: include_str!("rc_cycle.rs"),
    run,
};

const SECTIONS: usize = 8;
const TEXT_BYTES: usize = 4 << 10;

// The core.
/// A document or one of its sections.
struct Section {
    text: Vec<u8>,
    parent: Option<Parent>,
    children: RefCell<Vec<Rc<Section>>>,
}

enum Parent {
    Strong(Rc<Section>), // leak
    Weak(Weak<Section>), // fix
}

// Never inlined, like `load_text`: the pictures must name these frames.
#[inline(never)]
fn parse_document(id: u64, variant: &str) -> Rc<Section> {
    let document = Rc::new(Section { text: load_text(id), parent: None, children: RefCell::default() });
    for _ in 0..SECTIONS {
        let parent = match variant {
            "weak-parent" => Parent::Weak(Rc::downgrade(&document)), // fix
            _ => Parent::Strong(Rc::clone(&document)),               // leak
        };
        let section = Section { text: load_text(id), parent: Some(parent), children: RefCell::default() };
        document.children.borrow_mut().push(Rc::new(section));
    }
    document
}

#[inline(never)]
fn load_text(id: u64) -> Vec<u8> {
    vec![b'a' + (id % 26) as u8; TEXT_BYTES]
}

#[derive(Default)]
struct DocumentCache {
    documents: HashMap<u64, Rc<Section>>,
}

impl DocumentCache {
    fn remove_all(&mut self, variant: &str) {
        for (_, document) in self.documents.drain() {
            if variant == "cut" {
                document.children.take(); // fix
            }
        }
        self.documents.shrink_to_fit();
    }
}
// End of the core.

impl Section {
    /// How many sections lead up to this document, by whichever kind of reference.
    fn linked_sections(self: &Rc<Self>) -> usize {
        let leads_up = |section: &&Rc<Section>| match &section.parent {
            Some(Parent::Strong(parent)) => Rc::ptr_eq(parent, self),
            Some(Parent::Weak(parent)) => parent.upgrade().is_some_and(|parent| Rc::ptr_eq(&parent, self)),
            None => false,
        };
        self.children.borrow().iter().filter(leads_up).count()
    }

    fn text_bytes(&self) -> i64 {
        let sections = self.children.borrow();
        self.text.len() as i64 + sections.iter().map(|section| section.text_bytes()).sum::<i64>()
    }

    fn references_from_sections(&self) -> usize {
        let is_strong = |section: &&Rc<Section>| matches!(section.parent, Some(Parent::Strong(_)));
        self.children.borrow().iter().filter(is_strong).count()
    }
}

fn run(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held> {
    let mut cache = DocumentCache::default();
    for id in 0..size as u64 {
        cache.documents.insert(id, parse_document(id, variant));
    }
    let cached = Count::from(cache.documents.len());
    ledger.line(format_args!("{cached} documents of {SECTIONS} sections cached:"), "held by the program")?;
    let linked =
        Count::from(cache.documents.values().map(|document| document.linked_sections()).sum::<usize>());
    let text = Bytes(cache.documents.values().map(|document| document.text_bytes()).sum());
    ledger.say(format_args!("{text} of text; {linked} sections lead to their document"))?;

    let watched: Vec<Weak<Section>> = cache.documents.values().map(Rc::downgrade).collect();
    cache.remove_all(variant);
    let references = Count::from(watched.iter().map(Weak::strong_count).sum::<usize>());
    let alive = || watched.iter().filter_map(Weak::upgrade);
    let own = Count::from(alive().map(|document| document.references_from_sections()).sum::<usize>());
    let alive = Count::from(alive().count());
    // They would keep blocks of their own from being counted out.
    drop(watched);
    let (left, room) = (Count::from(cache.documents.len()), cache.documents.capacity());
    ledger.line(
        format_args!("all removed, the map has {left} documents and room for {room}:"),
        "held by the program",
    )?;
    ledger.say(format_args!(
        "{alive} documents alive, with {references} references, {own} of them from their own sections"
    ))?;
    Ok(Box::new(cache))
}
