//! Which stacks count: those in focus that are not ignored, by the rule of pprof's `-focus` and
//! `-ignore`. Names `stack`; knows no exporter.
//! Broken by: `tests/focus.rs`, `tests/top_counts.rs`.

use alloc_tracer::profile::Sample;
use regex::Regex;

use crate::stack::Stacks;

/// What to count; without patterns everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Counts only stacks with a frame whose function, file or module matches.
    pub focus: Option<Regex>,
    /// Leaves out stacks with a frame whose function, file or module matches.
    pub ignore: Option<Regex>,
}

impl Filter {
    /// Whether any stack may be left out.
    pub fn is_set(&self) -> bool {
        self.focus.is_some() || self.ignore.is_some()
    }

    /// The patterns, matched against every location once.
    pub(crate) fn of<'s, 'p>(&self, stacks: &'s Stacks<'p>) -> Matched<'s, 'p> {
        let matching = |pattern: &Option<Regex>| pattern.as_ref().map(|it| stacks.locations_matching(it));
        Matched { stacks, focus: matching(&self.focus), ignore: matching(&self.ignore) }
    }
}

/// A filter for the stacks of one profile.
pub(crate) struct Matched<'s, 'p> {
    stacks: &'s Stacks<'p>,
    /// For every location whether it is in focus.
    focus: Option<Vec<bool>>,
    ignore: Option<Vec<bool>>,
}

impl Matched<'_, '_> {
    /// Whether a sample counts, by the part of its stack that is visible.
    pub(crate) fn counts(&self, sample: &Sample<'_>) -> bool {
        let visible = self.stacks.visible(sample);
        let has = |matching: &Vec<bool>| visible.iter().any(|id| matching[id.0 as usize]);
        self.focus.as_ref().is_none_or(has) && !self.ignore.as_ref().is_some_and(has)
    }
}
