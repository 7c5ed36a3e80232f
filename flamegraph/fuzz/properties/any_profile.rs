//! A profile from bytes, which stay readable: FE ends a record and FF a part of one, because neither is in any
//! text. The first record is the header, every other one a value, or two with a `/` between them, and then
//! the names of a stack, root first.

use std::collections::HashMap;

use alloc_tracer::Profile;
use alloc_tracer::profile::{Function, Line, Location, LocationId, Module, ModuleId};

const MOST_SAMPLES: usize = 64;
const MOST_FRAMES: usize = 64;

/// Stacks with their values, and the words around them.
pub(crate) struct AnyProfile {
    pub(crate) title: String,
    column: String,
    unit: String,
    comment: String,
    program: String,
    pub(crate) samples: Vec<AnySample>,
}

pub(crate) struct AnySample {
    pub(crate) value: i64,
    pub(crate) base: i64,
    /// Root first.
    pub(crate) names: Vec<String>,
}

impl AnyProfile {
    pub(crate) fn of(bytes: &[u8]) -> AnyProfile {
        let mut records = bytes.split(|byte| *byte == 0xfe);
        let mut header = texts(records.next().unwrap_or_default());
        let mut next = || header.next().unwrap_or_default();
        AnyProfile {
            title: next(),
            column: next(),
            unit: next(),
            comment: next(),
            program: next(),
            samples: records.take(MOST_SAMPLES).map(AnySample::of).collect(),
        }
    }

    /// The profile with the samples' values, or with those of their base.
    pub(crate) fn profile(&self, value: impl Fn(&AnySample) -> i64) -> Profile {
        let mut profile = Profile::new();
        profile.add_sample_type(&self.column, &self.unit);
        profile.set_comments([self.comment.as_str()]);
        let path = profile.intern(&self.program);
        let module = profile.add_module(Module { path, ..Module::default() });
        let mut locations = HashMap::new();
        for sample in &self.samples {
            let names = sample.names.iter().rev();
            let leaf_first: Vec<LocationId> = names
                .map(|name| *locations.entry(name).or_insert_with(|| location(&mut profile, module, name)))
                .collect();
            profile.add_sample(&leaf_first, &[value(sample)], &[]);
        }
        profile
    }
}

fn location(profile: &mut Profile, module: ModuleId, name: &str) -> LocationId {
    let name = profile.intern(name);
    let function = profile.add_function(Function { name, ..Function::default() });
    let line = Line { function, line: 1, column: 1 };
    profile.add_location(Location { module: Some(module), lines: vec![line], ..Location::default() })
}

impl AnySample {
    fn of(record: &[u8]) -> AnySample {
        let mut texts = texts(record);
        let values = texts.next().unwrap_or_default();
        let (value, base) = values.split_once('/').unwrap_or((&values, ""));
        let number = |text: &str| text.parse().unwrap_or(i64::from(text.len() as u32));
        AnySample { value: number(value), base: number(base), names: texts.take(MOST_FRAMES).collect() }
    }
}

fn texts(record: &[u8]) -> impl Iterator<Item = String> {
    record.split(|byte| *byte == 0xff).map(|text| String::from_utf8_lossy(text).into_owned())
}
