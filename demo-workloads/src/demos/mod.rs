//! The table of demos: one entry a demo, one file an entry. Names every demo and nothing that
//! prints tables or parses arguments. A new demo is a file here and a line in [`DEMOS`].
//! Broken by: `tests/demos/command_line.rs`.

mod arc_range;
mod broken_key;
mod collect_in_place;
mod conversions;
mod held_elsewhere;
mod held_guard;
mod json_tree;
mod leak_twice;
mod leaked_on_purpose;
mod map_capacity;
mod map_churn;
mod map_delete;
mod map_growth;
mod map_of_lists;
mod map_share;
mod map_shared;
mod map_sparse;
mod other_buffers;
mod pin_pages;
mod rc_cycle;
mod return_pages;
mod scratch_pool;
mod session_cache;
mod slow_consumer;
mod split_off;
mod sub_slice;
mod task_size;
mod tiny_blocks;
mod tree_map;
mod two_pictures;
mod vec_growth;
mod vec_truncate;
mod weak_block;

use std::any::Any;
use std::io;

use crate::ledger::Ledger;

/// All demos, by their row: the order in which they are best read.
#[rustfmt::skip] // A line a demo.
pub(crate) static DEMOS: &[Demo] = &[
    map_delete::DEMO,
    map_capacity::DEMO,
    map_share::DEMO,
    map_growth::DEMO,
    map_sparse::DEMO,
    map_churn::DEMO,
    map_shared::DEMO,
    session_cache::DEMO,
    map_of_lists::DEMO,
    held_elsewhere::DEMO,
    rc_cycle::DEMO,
    broken_key::DEMO,
    tree_map::DEMO,
    vec_truncate::DEMO,
    other_buffers::DEMO,
    split_off::DEMO,
    collect_in_place::DEMO,
    vec_growth::DEMO,
    scratch_pool::DEMO,
    task_size::DEMO,
    sub_slice::DEMO,
    arc_range::DEMO,
    weak_block::DEMO,
    leak_twice::DEMO,
    conversions::DEMO,
    json_tree::DEMO,
    held_guard::DEMO,
    slow_consumer::DEMO,
    tiny_blocks::DEMO,
    pin_pages::DEMO,
    return_pages::DEMO,
    two_pictures::DEMO,
    leaked_on_purpose::DEMO,
];

/// What a demo leaves alive when it returns.
pub(crate) type Held = Box<dyn Any>;

/// One way of keeping memory by mistake, and what releases it. What it is about stands in the first
/// lines of its file ([`Demo::part`]).
pub(crate) struct Demo {
    /// What the user types.
    pub(crate) name: &'static str,
    /// The letter of its group and its place there, such as `D1`.
    pub(crate) row: &'static str,
    /// Whether a plain `cargo xtask flamegraph` shows it.
    pub(crate) is_core: bool,
    /// Where leaky and fixed differ.
    pub(crate) figure: Figure,
    /// What `--size` counts.
    pub(crate) size: Size,
    /// `leaky`, then further ways to the same leak.
    pub(crate) leaks: &'static [&'static str],
    /// The fixes; `fixed` stands for the first.
    pub(crate) fixes: &'static [&'static str],
    /// The file itself: its first lines and its core are what people read.
    pub(crate) source: &'static str,
    /// Runs a variant and returns what the service would go on holding.
    pub(crate) run: fn(variant: &str, size: usize, ledger: &mut Ledger) -> io::Result<Held>,
}

/// The figure that a demo is about.
#[derive(Clone, Copy)]
pub(crate) enum Figure {
    /// Live bytes at its end.
    Held,
    /// The most bytes that were live at one time.
    AtPeak,
    /// RSS at its end.
    InMemory,
}

impl Figure {
    /// As the list for programs has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Figure::Held => "held",
            Figure::AtPeak => "peak",
            Figure::InMemory => "resident",
        }
    }
}

/// The meaning of `--size`. Every size from 1 on must work.
pub(crate) struct Size {
    pub(crate) default: u64,
    pub(crate) unit: &'static str,
}

impl Demo {
    /// The demo with this name.
    pub(crate) fn find(name: &str) -> Option<&'static Demo> {
        DEMOS.iter().find(|demo| demo.name == name)
    }

    /// What its group has in common.
    pub(crate) fn group(&self) -> &'static str {
        match self.row.as_bytes().first() {
            Some(b'D') => "D. Delete: maps keep their table",
            Some(b'T') => "T. Truncate: vectors keep their buffer",
            Some(b'S') => "S. Sub-slice: a few bytes keep a whole buffer",
            _ => "A. The allocator and the operating system",
        }
    }

    /// All names that `--variant` takes.
    pub(crate) fn variant_names(&self) -> Vec<&'static str> {
        [self.leaks, &["fixed"], self.fixes].concat()
    }

    /// Whether `--variant` takes this name.
    pub(crate) fn has_variant(&self, name: &str) -> bool {
        self.variant_names().contains(&name)
    }

    /// The variant's own name, where `fixed` is the first fix.
    pub(crate) fn fix<'a>(&self, variant: &'a str) -> &'a str {
        if variant == "fixed" { self.fixes[0] } else { variant }
    }
}

/// The names of all demos.
pub(crate) fn names() -> Vec<&'static str> {
    DEMOS.iter().map(|demo| demo.name).collect()
}
