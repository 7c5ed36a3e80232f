//! A profile: stacks with values in any number of columns, and the names that make them readable.
//! It knows neither who measured it nor who prints it: the tracer, Go and jemalloc fill the same
//! model, and every exporter reads it. Nothing in here may name the recorder or an output format
//! other than pprof's own. Broken by: `tests/pprof_go_reference.rs`, `tests/pprof_round_trip.rs`.

mod heap_columns;
mod pprof_file;
mod pprof_read;
mod pprof_write;
mod read_error;
mod read_limits;
mod shims;
mod strings;

use super::std::collections::HashMap;
use super::std::prelude::rust_2024::*;

pub use heap_columns::{HEAP_SAMPLE_TYPES, VARIANCE_SAMPLE_TYPES, VARIANCE_UNIT_BYTES2};
pub use pprof_file::WriteFileError;
pub use read_error::ReadError;
pub use read_limits::ReadLimits;
pub(crate) use shims::drop_frames;
pub use strings::{StringId, Strings};

/// Call stacks with values, and what is needed to name their frames.
///
/// Shape: every sample has one stack (locations, leaf first) and exactly
/// [`sample_types`](Self::sample_types)`.len()` values. A location is a code address with the
/// source lines that were inlined into it, innermost first. Ids are indices into this profile; the
/// `add_*` methods and the readers check those of locations, samples and lines, and an id of another
/// profile has no meaning here. Columns are declared before samples.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// What the columns of values mean, in the order of the values.
    pub sample_types: Vec<ValueType>,
    /// The column that viewers show first; the name of one of `sample_types`, or empty.
    pub default_sample_type: StringId,
    /// What is counted between two samples, for a heap profile `space` in `bytes`.
    pub period_type: ValueType,
    /// The mean number of bytes between two samples; 1 where every allocation was recorded.
    pub period: i64,
    /// When the profile was taken, in nanoseconds since 1970 (UTC); 0 if unknown.
    pub time_nanos: i64,
    /// How long the program had been recorded, in nanoseconds; 0 if unknown.
    pub duration_nanos: i64,
    /// Lines that viewers print above every report.
    pub comments: Vec<StringId>,
    /// An absolute address of the documentation, or empty.
    pub doc_url: StringId,
    /// A regular expression; frames whose whole name it matches are hidden with all they called.
    pub drop_frames: StringId,
    /// A regular expression of names to keep although `drop_frames` matches them.
    pub keep_frames: StringId,
    strings: Strings,
    modules: Vec<Module>,
    functions: Vec<Function>,
    function_ids: HashMap<Function, FunctionId>,
    locations: Vec<Location>,
    samples: Vec<SampleRange>,
    sample_locations: Vec<LocationId>,
    sample_values: Vec<i64>,
    sample_labels: Vec<Label>,
}

/// The meaning and the unit of a column of values, for example `inuse_space` in `bytes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ValueType {
    /// The column's name.
    pub name: StringId,
    /// The unit of its values, for example `count` or `bytes`.
    pub unit: StringId,
}

/// Index of a [`Module`] in its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

/// Index of a [`Function`] in its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

/// Index of a [`Location`] in its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocationId(pub u32);

/// A program or a shared library as it was mapped into memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Module {
    /// First address of the mapping.
    pub start: u64,
    /// First address after the mapping.
    pub limit: u64,
    /// Offset of `start` in the file, in bytes.
    pub file_offset: u64,
    /// The file's path.
    pub path: StringId,
    /// The linker's build id in lower-case hexadecimal, or empty.
    pub build_id: StringId,
    /// Whether the frames in this module have functions, files, lines and inlined frames.
    pub symbolised: Symbolised,
}

/// Which parts of a module's frames have been resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Symbolised {
    /// Frames have function names.
    pub functions: bool,
    /// Frames have file names.
    pub filenames: bool,
    /// Frames have line numbers.
    pub line_numbers: bool,
    /// Frames list the functions inlined into them.
    pub inline_frames: bool,
}

/// A function as it is written and as the linker knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Function {
    /// The demangled name.
    pub name: StringId,
    /// The mangled name, which the linker uses.
    pub system_name: StringId,
    /// The source file's path, or empty.
    pub file: StringId,
    /// The line where the function starts, or 0.
    pub start_line: i64,
}

/// A code address and the source lines it stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The module that holds the address, if known.
    pub module: Option<ModuleId>,
    /// An address inside the calling instruction (return address − 1), or 0 if unknown.
    pub address: u64,
    /// Innermost (inlined) line first; empty if the address has not been resolved.
    pub lines: Vec<Line>,
    /// Whether identical code folding may have merged several functions at this address.
    pub is_folded: bool,
}

/// A line of source in a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The function that the line belongs to.
    pub function: FunctionId,
    /// Line number, from 1; 0 if unknown.
    pub line: i64,
    /// Column number, from 1; 0 if unknown.
    pub column: i64,
}

/// A note on a sample: a string, or a number with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// What the label tells; the prefix `pprof::` is reserved.
    pub key: StringId,
    /// The text, empty for a number.
    pub text: StringId,
    /// The number; meaningful where `text` is empty.
    pub number: i64,
    /// The number's unit, or empty.
    pub unit: StringId,
}

/// One stack with its values.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The stack, leaf first.
    pub stack: &'a [LocationId],
    /// One value per sample type.
    pub values: &'a [i64],
    /// Notes on this sample.
    pub labels: &'a [Label],
}

/// A resolved source line before its strings are interned; what a symboliser returns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFrame {
    /// The demangled name.
    pub name: String,
    /// The mangled name.
    pub system_name: String,
    /// The source file's path, or empty.
    pub file: String,
    /// Line number from 1, or 0.
    pub line: u32,
    /// Column number from 1, or 0.
    pub column: u32,
}

#[derive(Debug, Clone, Copy)]
struct SampleRange {
    locations_end: u32,
    labels_end: u32,
}

impl Profile {
    /// An empty profile without columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// The text behind an id.
    pub fn text(&self, id: StringId) -> &str {
        self.strings.get(id)
    }

    /// The id of a text, stored once.
    pub fn intern(&mut self, text: &str) -> StringId {
        self.strings.intern(text)
    }

    /// Appends a column. Values of samples that are already there are not widened: declare the
    /// columns before the samples.
    pub fn add_sample_type(&mut self, name: &str, unit: &str) -> usize {
        assert!(self.samples.is_empty(), "columns are declared before samples");
        let column = ValueType { name: self.intern(name), unit: self.intern(unit) };
        self.sample_types.push(column);
        self.sample_types.len() - 1
    }

    /// Appends a module.
    pub fn add_module(&mut self, module: Module) -> ModuleId {
        self.modules.push(module);
        ModuleId((self.modules.len() - 1) as u32)
    }

    /// The id of a function, stored once.
    pub fn add_function(&mut self, function: Function) -> FunctionId {
        let next = FunctionId(self.functions.len() as u32);
        let id = *self.function_ids.entry(function).or_insert(next);
        if id == next {
            self.functions.push(function);
        }
        id
    }

    /// Appends a location.
    ///
    /// # Panics
    /// If the location names a module or a function that this profile does not have.
    pub fn add_location(&mut self, location: Location) -> LocationId {
        assert!(location.module.is_none_or(|id| (id.0 as usize) < self.modules.len()));
        assert!(location.lines.iter().all(|line| (line.function.0 as usize) < self.functions.len()));
        self.locations.push(location);
        LocationId((self.locations.len() - 1) as u32)
    }

    /// Appends a sample.
    ///
    /// # Panics
    /// If the number of values is not the number of columns, or a location does not exist.
    pub fn add_sample(&mut self, stack: &[LocationId], values: &[i64], labels: &[Label]) {
        assert_eq!(values.len(), self.sample_types.len(), "one value per column");
        assert!(stack.iter().all(|id| (id.0 as usize) < self.locations.len()));
        self.sample_locations.extend_from_slice(stack);
        self.sample_values.extend_from_slice(values);
        self.sample_labels.extend_from_slice(labels);
        self.samples.push(SampleRange {
            locations_end: self.sample_locations.len() as u32,
            labels_end: self.sample_labels.len() as u32,
        });
    }

    /// All samples, in the order they were added.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample<'_>> {
        let columns = self.sample_types.len();
        self.samples.iter().enumerate().map(move |(index, range)| {
            let (locations_start, labels_start) = match index.checked_sub(1) {
                Some(before) => (self.samples[before].locations_end, self.samples[before].labels_end),
                None => (0, 0),
            };
            Sample {
                stack: &self.sample_locations[locations_start as usize..range.locations_end as usize],
                values: &self.sample_values[index * columns..(index + 1) * columns],
                labels: &self.sample_labels[labels_start as usize..range.labels_end as usize],
            }
        })
    }

    /// All modules; the main program first where the producer knew it.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// All functions.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// All locations.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The module behind an id.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0 as usize]
    }

    /// The module behind an id, to be changed in place.
    pub fn module_mut(&mut self, id: ModuleId) -> &mut Module {
        &mut self.modules[id.0 as usize]
    }

    /// The function behind an id.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.0 as usize]
    }

    /// The location behind an id.
    pub fn location(&self, id: LocationId) -> &Location {
        &self.locations[id.0 as usize]
    }

    /// The index of the column with this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.sample_types.iter().position(|column| self.text(column.name) == name)
    }

    /// The sum of a column over all samples.
    pub fn total(&self, column: usize) -> i64 {
        self.samples().map(|sample| sample.values[column]).fold(0, i64::saturating_add)
    }

    /// Sets the lines above every report.
    pub fn set_comments<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) {
        self.comments = lines.into_iter().map(|line| self.strings.intern(line)).collect();
    }

    /// Gives a location its source lines, innermost first.
    pub fn set_lines(&mut self, id: LocationId, frames: &[SourceFrame]) {
        let lines = frames
            .iter()
            .map(|frame| {
                let function = Function {
                    name: self.intern(&frame.name),
                    system_name: self.intern(&frame.system_name),
                    file: self.intern(&frame.file),
                    start_line: 0,
                };
                Line {
                    function: self.add_function(function),
                    line: i64::from(frame.line),
                    column: i64::from(frame.column),
                }
            })
            .collect();
        self.locations[id.0 as usize].lines = lines;
    }

    /// Hides the frames that belong to the tracer, to the allocator's entry points and to the
    /// language's glue in front of them, so that every stack ends in the code that asked for
    /// memory. The growth of containers (`RawVec::grow_one`, hashbrown's `reserve_rehash`) stays:
    /// it says which container grew.
    ///
    /// Works on resolved frames; a location without lines is left alone. Applying it twice changes
    /// nothing.
    pub fn hide_allocator_frames(&mut self) {
        shims::hide(self);
    }

    /// The stacks of all samples, for a pass that drops frames from them.
    fn retain_stack_frames(&mut self, mut keep_from: impl FnMut(&[Location], &[LocationId]) -> usize) {
        let mut kept = Vec::with_capacity(self.sample_locations.len());
        let mut start = 0;
        for range in &mut self.samples {
            let stack = &self.sample_locations[start..range.locations_end as usize];
            start = range.locations_end as usize;
            kept.extend_from_slice(&stack[keep_from(&self.locations, stack)..]);
            range.locations_end = kept.len() as u32;
        }
        self.sample_locations = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::std::vec;

    #[test]
    fn samples_come_back_as_they_were_added() {
        let mut profile = Profile::new();
        profile.declare_heap_columns(false);
        let a = profile.add_location(Location { address: 1, ..Default::default() });
        let b = profile.add_location(Location { address: 2, ..Default::default() });
        profile.add_sample(&[a, b], &[1, 2, 3, 4], &[]);
        profile.add_sample(&[b], &[10, 20, 30, 40], &[]);
        let stacks: Vec<_> = profile.samples().map(|s| (s.stack.to_vec(), s.values.to_vec())).collect();
        assert_eq!(stacks, vec![(vec![a, b], vec![1, 2, 3, 4]), (vec![b], vec![10, 20, 30, 40])]);
        assert_eq!(profile.total(3), 44);
    }
}
