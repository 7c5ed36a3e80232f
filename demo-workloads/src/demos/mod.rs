//! The table of demos: one entry a demo, one file an entry. Names every demo and nothing that
//! prints tables or parses arguments. A new demo is a file here and a line in [`DEMOS`].
//! Broken by: `tests/demos/command_line.rs`.

mod map_churn;
mod map_delete;
mod map_sparse;
mod sub_slice;
mod vec_truncate;

use std::any::Any;
use std::io;

use crate::ledger::Ledger;

/// All demos, by their row: the order in which they are best read.
#[rustfmt::skip] // A line a demo.
pub(crate) static DEMOS: &[Demo] = &[
    map_delete::DEMO,
    map_sparse::DEMO,
    map_churn::DEMO,
    vec_truncate::DEMO,
    sub_slice::DEMO,
];

/// What a demo leaves alive when it returns.
pub(crate) type Held = Box<dyn Any>;

/// One way of keeping memory by mistake, and what releases it. What it is about stands in the first
/// lines of its file ([`Demo::statement`]).
pub(crate) struct Demo {
    /// What the user types.
    pub(crate) name: &'static str,
    /// The letter of its group and its place there, such as `D1`.
    pub(crate) row: &'static str,
    /// Whether a plain `cargo xtask flamegraph` shows it.
    pub(crate) is_core: bool,
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
