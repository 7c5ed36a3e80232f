//! Writes a profile as pprof's `profile.proto`, packed with gzip, one field at a time: the file is
//! never held in memory as a whole. The field numbers are those of
//! <https://github.com/google/pprof/blob/main/proto/profile.proto>.
//! Broken by: `tests/pprof_round_trip.rs` and the script `check.sh` of `flamegraph/`.

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use prost::encoding::{WireType, encode_key, encode_varint, int64, uint64};

use super::{Function, Label, Location, Module, Profile, StringId, ValueType};
use crate::cold::std::io::{self, Write};
use crate::cold::std::prelude::rust_2024::*;

impl Profile {
    /// Writes the profile to `out` as a gzip-packed `profile.proto`, which `go tool pprof`,
    /// speedscope, Grafana Pyroscope and `alloc-flamegraph` read. The same profile always gives
    /// the same bytes.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_pprof(&self, out: impl Write) -> io::Result<()> {
        self.write_packed(GzEncoder::new(out, Compression::fast()))
    }

    /// As [`write_pprof`](Self::write_pprof), with a comment in the gzip header, which can be read without
    /// unpacking anything.
    pub(crate) fn write_pprof_marked(&self, out: impl Write, mark: &str) -> io::Result<()> {
        self.write_packed(GzBuilder::new().comment(mark).write(out, Compression::fast()))
    }

    fn write_packed(&self, mut gzip: GzEncoder<impl Write>) -> io::Result<()> {
        self.write_pprof_unpacked(&mut gzip)?;
        gzip.finish()?.flush()
    }

    fn write_pprof_unpacked(&self, out: &mut impl Write) -> io::Result<()> {
        let mut fields = Fields { out, body: Vec::new(), framed: Vec::new() };
        for column in &self.sample_types {
            fields.message(1, |body| value_type(body, column))?;
        }
        let mut scratch = Vec::new();
        for sample in self.samples() {
            fields.message(2, |body| {
                scratch.clear();
                scratch.extend(sample.stack.iter().map(|id| u64::from(id.0) + 1));
                uint64::encode_packed(1, &scratch, body);
                int64::encode_packed(2, sample.values, body);
                for note in sample.labels {
                    nested(body, 3, |inner| label(inner, note));
                }
            })?;
        }
        for (index, entry) in self.modules.iter().enumerate() {
            fields.message(3, |body| module(body, index, entry))?;
        }
        for (index, entry) in self.locations.iter().enumerate() {
            fields.message(4, |body| location(body, index, entry))?;
        }
        for (index, entry) in self.functions.iter().enumerate() {
            fields.message(5, |body| function(body, index, entry))?;
        }
        for text in self.strings.iter() {
            fields.message(6, |body| body.extend_from_slice(text.as_bytes()))?;
        }
        fields.scalars(|body| {
            id(body, 7, self.drop_frames);
            id(body, 8, self.keep_frames);
            int(body, 9, self.time_nanos);
            int(body, 10, self.duration_nanos);
        })?;
        fields.message(11, |body| value_type(body, &self.period_type))?;
        fields.scalars(|body| {
            int(body, 12, self.period);
            let comments: Vec<i64> = self.comments.iter().map(|comment| i64::from(comment.0)).collect();
            int64::encode_packed(13, &comments, body);
            id(body, 14, self.default_sample_type);
            id(body, 15, self.doc_url);
        })
    }
}

struct Fields<'a, W: Write> {
    out: &'a mut W,
    body: Vec<u8>,
    framed: Vec<u8>,
}

impl<W: Write> Fields<'_, W> {
    fn message(&mut self, tag: u32, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.body.clear();
        fill(&mut self.body);
        self.framed.clear();
        encode_key(tag, WireType::LengthDelimited, &mut self.framed);
        encode_varint(self.body.len() as u64, &mut self.framed);
        self.out.write_all(&self.framed)?;
        self.out.write_all(&self.body)
    }

    fn scalars(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.body.clear();
        fill(&mut self.body);
        self.out.write_all(&self.body)
    }
}

fn nested(body: &mut Vec<u8>, tag: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    encode_key(tag, WireType::LengthDelimited, body);
    encode_varint(inner.len() as u64, body);
    body.extend_from_slice(&inner);
}

fn value_type(body: &mut Vec<u8>, column: &ValueType) {
    id(body, 1, column.name);
    id(body, 2, column.unit);
}

fn label(body: &mut Vec<u8>, label: &Label) {
    id(body, 1, label.key);
    id(body, 2, label.text);
    int(body, 3, label.number);
    id(body, 4, label.unit);
}

fn module(body: &mut Vec<u8>, index: usize, module: &Module) {
    unsigned(body, 1, index as u64 + 1);
    unsigned(body, 2, module.start);
    unsigned(body, 3, module.limit);
    unsigned(body, 4, module.file_offset);
    id(body, 5, module.path);
    id(body, 6, module.build_id);
    let symbolised = module.symbolised;
    for (tag, has) in [
        (7, symbolised.functions),
        (8, symbolised.filenames),
        (9, symbolised.line_numbers),
        (10, symbolised.inline_frames),
    ] {
        unsigned(body, tag, u64::from(has));
    }
}

fn location(body: &mut Vec<u8>, index: usize, location: &Location) {
    unsigned(body, 1, index as u64 + 1);
    unsigned(body, 2, location.module.map_or(0, |module| u64::from(module.0) + 1));
    unsigned(body, 3, location.address);
    for entry in &location.lines {
        nested(body, 4, |inner| {
            unsigned(inner, 1, u64::from(entry.function.0) + 1);
            int(inner, 2, entry.line);
            int(inner, 3, entry.column);
        });
    }
    unsigned(body, 5, u64::from(location.is_folded));
}

fn function(body: &mut Vec<u8>, index: usize, function: &Function) {
    unsigned(body, 1, index as u64 + 1);
    id(body, 2, function.name);
    id(body, 3, function.system_name);
    id(body, 4, function.file);
    int(body, 5, function.start_line);
}

/// A field of proto3 is left out where it is zero.
fn unsigned(body: &mut Vec<u8>, tag: u32, value: u64) {
    if value != 0 {
        uint64::encode(tag, &value, body);
    }
}

fn int(body: &mut Vec<u8>, tag: u32, value: i64) {
    if value != 0 {
        int64::encode(tag, &value, body);
    }
}

fn id(body: &mut Vec<u8>, tag: u32, id: StringId) {
    int(body, tag, i64::from(id.0));
}
