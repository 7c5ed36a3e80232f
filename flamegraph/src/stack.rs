//! Which frames of a profile's stacks are visible, with one name each: what every exporter walks.
//! Applies the file's `drop_frames` as pprof does. Names the profile model and `frame_name`.
//! Broken by: `tests/top_counts.rs`, and `tests/clients/check.sh` against pprof itself.

use std::collections::HashMap;

use alloc_tracer::Profile;
use alloc_tracer::profile::{Line, Location, LocationId, Sample, StringId};
use regex::{Regex, RegexBuilder};

use crate::frame_name::{LONGEST_NAME, printable, shortened};

/// Index of a function's name among those of a [`Stacks`]; functions of equal names share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(pub u32);

/// The visible frames of a profile.
#[derive(Debug)]
pub struct Stacks<'p> {
    profile: &'p Profile,
    names: Vec<String>,
    locations: Vec<VisibleLocation>,
}

#[derive(Debug)]
struct VisibleLocation {
    /// Innermost first.
    frames: Vec<NameId>,
    /// The first line that is visible; those before it are dropped.
    first_line: usize,
    dropped: Dropped,
}

/// The most that a pattern from a file may take up: it decides about every name in it.
const PATTERN_BYTES: usize = 1 << 20;

/// What `drop_frames` says about a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dropped {
    Nothing,
    /// What it called, and the innermost of its inlined frames.
    Beneath,
    Whole,
}

impl<'p> Stacks<'p> {
    /// Names every location of the profile once.
    pub fn of(profile: &'p Profile) -> Stacks<'p> {
        let dropped_names = DroppedNames::of(profile);
        let mut ids = HashMap::new();
        let mut names = Vec::new();
        let mut name_id = |name: String| {
            let next = NameId(names.len() as u32);
            *ids.entry(name).or_insert_with_key(|name: &String| {
                names.push(name.clone());
                next
            })
        };
        // Each text is looked at once: a long one may stand in very many places.
        let mut known: HashMap<StringId, (NameId, bool)> = HashMap::new();
        let mut named = |line: &Line| {
            let id = profile.function(line.function).name;
            *known.entry(id).or_insert_with(|| {
                let text = profile.text(id);
                (name_id(printable(&shortened(text))), dropped_names.contains(text))
            })
        };
        let mut locations = Vec::with_capacity(profile.locations().len());
        for location in profile.locations() {
            let lines: Vec<(NameId, bool)> = location.lines.iter().map(&mut named).collect();
            let (first_line, dropped) = match lines.iter().rposition(|(_, is_dropped)| *is_dropped) {
                None => (0, Dropped::Nothing),
                Some(at) if at + 1 == lines.len() => (0, Dropped::Whole),
                Some(at) => (at + 1, Dropped::Beneath),
            };
            let frames = lines[first_line..].iter().map(|(name, _)| *name).collect();
            locations.push(VisibleLocation { frames, first_line, dropped });
        }
        for (visible, location) in locations.iter_mut().zip(profile.locations()) {
            if location.lines.is_empty() {
                visible.frames.push(name_id(unresolved_name(profile, location)));
            }
        }
        Stacks { profile, names, locations }
    }

    /// The profile that the stacks belong to.
    pub fn profile(&self) -> &'p Profile {
        self.profile
    }

    /// A name, safe to print.
    pub fn name(&self, id: NameId) -> &str {
        &self.names[id.0 as usize]
    }

    /// All names, in the order of their ids.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The visible names of a sample's stack into `frames`, leaf first.
    pub fn frames(&self, sample: &Sample<'_>, frames: &mut Vec<NameId>) {
        frames.clear();
        for id in self.visible(sample) {
            frames.extend_from_slice(&self.locations[id.0 as usize].frames);
        }
    }

    /// The part of a sample's stack that `drop_frames` leaves, leaf first. As in pprof, frames at
    /// the root are dropped only from the first frame on that is not to be dropped, so that no
    /// stack vanishes as a whole.
    pub fn visible<'s>(&self, sample: &Sample<'s>) -> &'s [LocationId] {
        let mut seen_kept = false;
        for (index, id) in sample.stack.iter().enumerate().rev() {
            match self.locations[id.0 as usize].dropped {
                Dropped::Nothing => seen_kept = true,
                Dropped::Beneath if seen_kept => return &sample.stack[index..],
                Dropped::Whole if seen_kept => return &sample.stack[index + 1..],
                Dropped::Beneath | Dropped::Whole => {}
            }
        }
        sample.stack
    }

    /// For every location whether a visible function's name or file, or its module's path, matches;
    /// the rule of pprof's `-focus` and `-ignore`.
    pub fn locations_matching(&self, pattern: &Regex) -> Vec<bool> {
        let mut known: HashMap<StringId, bool> = HashMap::new();
        let mut matches = |id: StringId| {
            *known.entry(id).or_insert_with(|| {
                let text = self.profile.text(id);
                !text.is_empty() && pattern.is_match(text)
            })
        };
        let locations = self.profile.locations().iter().zip(&self.locations);
        locations
            .map(|(location, visible)| {
                let by_line = location.lines[visible.first_line..].iter().any(|line| {
                    let function = self.profile.function(line.function);
                    matches(function.name) || matches(function.file)
                });
                let module = location.module.map(|id| self.profile.module(id).path);
                by_line || module.is_some_and(&mut matches)
            })
            .collect()
    }
}

/// An address that stays the same when the program is loaded elsewhere: `libfoo.so+0x1234`.
fn unresolved_name(profile: &Profile, location: &Location) -> String {
    match location.module.map(|module| profile.module(module)) {
        Some(module) => {
            let path = profile.text(module.path);
            let path = &path[path.floor_char_boundary(path.len().saturating_sub(LONGEST_NAME))..];
            let file = path.rsplit('/').next().unwrap_or(path);
            let offset = location.address.wrapping_sub(module.start).wrapping_add(module.file_offset);
            printable(&format!("{file}+{offset:#x}"))
        }
        None => format!("{:#x}", location.address),
    }
}

/// The file's `drop_frames` and `keep_frames`.
struct DroppedNames {
    drop: Option<Regex>,
    keep: Option<Regex>,
}

impl DroppedNames {
    fn of(profile: &Profile) -> DroppedNames {
        // A pattern that does not compile hides nothing: seeing too much is the lesser harm.
        let whole = |text: &str| match text {
            "" => None,
            text => RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_BYTES).build().ok(),
        };
        DroppedNames {
            drop: whole(profile.text(profile.drop_frames)),
            keep: whole(profile.text(profile.keep_frames)),
        }
    }

    fn contains(&self, name: &str) -> bool {
        let name = without_parameters(name);
        let matches =
            |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(name));
        !name.is_empty() && matches(&self.drop) && !matches(&self.keep)
    }
}

/// The name up to its list of parameters, which is what pprof compares
/// (<https://github.com/google/pprof/blob/main/profile/prune.go>, `simplifyFunc`).
fn without_parameters(name: &str) -> &str {
    let name = name.strip_prefix('.').unwrap_or(name);
    let mut from = 0;
    while let Some(at) = name[from..].find('(').map(|at| from + at) {
        if name[at..].starts_with("(anonymous namespace)") {
            from = at + 1;
        } else if name[..at].ends_with("operator") && name[at..].starts_with("()") {
            from = at + 2;
        } else {
            return &name[..at];
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::without_parameters;

    #[test]
    fn a_list_of_parameters_is_no_part_of_a_name() {
        for (name, short) in [
            ("alloc(unsigned long)", "alloc"),
            ("(anonymous namespace)::alloc(int)", "(anonymous namespace)::alloc"),
            ("Pool::operator()(int)", "Pool::operator()"),
            (".alloc", "alloc"),
            ("alloc::alloc::alloc", "alloc::alloc::alloc"),
        ] {
            assert_eq!(without_parameters(name), short);
        }
    }
}
