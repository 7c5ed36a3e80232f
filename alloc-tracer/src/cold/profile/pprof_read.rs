//! Reads pprof's `profile.proto` from anyone: the tracer, Go, jemalloc's converter, a damaged disk.
//! Nothing in the file is believed: sizes, counts and every index are checked, and memory stays in
//! proportion to the unpacked size, which has a limit. Broken by: `tests/pprof_hostile_files.rs`,
//! `tests/pprof_go_reference.rs`.

use flate2::read::MultiGzDecoder;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::read_error::ReadError;
use super::read_limits::{Account, ReadLimits};
use super::{
    Function, FunctionId, Label, Line, Location, LocationId, Module, ModuleId, Profile, StringId, Symbolised,
    ValueType,
};
use crate::cold::std::collections::HashMap;
use crate::cold::std::io::Read;
use crate::cold::std::prelude::rust_2024::*;
use crate::cold::std::str;

impl Profile {
    /// Reads a `profile.proto`, packed with gzip or plain, within the default limits.
    ///
    /// # Errors
    /// See [`ReadError`]; each says what is wrong and where.
    pub fn read_pprof(input: impl Read) -> Result<Profile, ReadError> {
        Profile::read_pprof_within(input, ReadLimits::default())
    }

    /// Reads a `profile.proto` within the given limits; nothing beyond 4 GiB is read.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read_pprof_within(input: impl Read, limits: ReadLimits) -> Result<Profile, ReadError> {
        // Places in texts and stacks are kept in 32 bits.
        let limits = ReadLimits { unpacked_bytes: limits.unpacked_bytes.min(u64::from(u32::MAX)) };
        let bytes = unpack(input, limits)?;
        Ok(read_unpacked(&bytes, Account::new(limits))?.0)
    }
}

/// The profile, and what is left on the account.
fn read_unpacked(bytes: &[u8], account: Account) -> Result<(Profile, Account), ReadError> {
    let mut reader = Reader { bytes, strings: Vec::new(), profile: Profile::new(), account };
    reader.read_strings()?;
    reader.read_header()?;
    let modules = reader.read_modules()?;
    let functions = reader.read_functions()?;
    let locations = reader.read_locations(&modules, &functions)?;
    reader.read_samples(&locations)?;
    Ok((reader.profile, reader.account))
}

/// About what an entry of a hash map from ids takes up, at its worst load and while it grows.
const ENTRY_BYTES: usize = 40;

/// Keeps one more than allowed, which tells that there were too many.
fn push_up_to<T>(most: u64, list: &mut Vec<T>, entry: T) {
    if list.len() as u64 <= most {
        list.push(entry);
    }
}

fn unpack(mut input: impl Read, limits: ReadLimits) -> Result<Vec<u8>, ReadError> {
    let mut magic = Vec::new();
    input.by_ref().take(2).read_to_end(&mut magic).map_err(ReadError::Io)?;
    let packed = magic == [0x1f, 0x8b];
    let whole = Read::chain(magic.as_slice(), input);
    let mut bytes = Vec::new();
    let allowed = limits.unpacked_bytes.saturating_add(1);
    if packed {
        let unpacked = MultiGzDecoder::new(whole).take(allowed).read_to_end(&mut bytes);
        unpacked.map_err(|source| ReadError::Gzip { unpacked_bytes: bytes.len() as u64, source })?;
    } else {
        whole.take(allowed).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    }
    match bytes.len() as u64 > limits.unpacked_bytes {
        true => Err(ReadError::TooLarge { limit_bytes: limits.unpacked_bytes }),
        false => Ok(bytes),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// From the file's string index to the profile's.
    strings: Vec<StringId>,
    profile: Profile,
    account: Account,
}

/// One field of a message: its number, its payload, and where it begins in the unpacked file.
struct Field<'a> {
    tag: u32,
    offset: usize,
    payload: Payload<'a>,
}

enum Payload<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// Calls `each` for every field of a message that begins at `base` in the unpacked file.
fn fields<'a>(
    message: &'a [u8],
    base: usize,
    name: &'static str,
    mut each: impl FnMut(Field<'a>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut rest = message;
    while rest.has_remaining() {
        let offset = base + (message.len() - rest.len());
        let malformed = ReadError::Malformed { offset, field: name };
        let Ok((tag, wire)) = decode_key(&mut rest) else { return Err(malformed) };
        let payload = match wire {
            WireType::Varint => match decode_varint(&mut rest) {
                Ok(number) => Payload::Number(number),
                Err(_) => return Err(malformed),
            },
            WireType::LengthDelimited => {
                let Ok(length) = decode_varint(&mut rest) else { return Err(malformed) };
                if length > rest.len() as u64 {
                    return Err(malformed);
                }
                let (bytes, after) = rest.split_at(length as usize);
                rest = after;
                Payload::Bytes(bytes)
            }
            other => match skip_field(other, tag, &mut rest, DecodeContext::default()) {
                Ok(()) => Payload::Other,
                Err(_) => return Err(malformed),
            },
        };
        each(Field { tag, offset, payload })?;
    }
    Ok(())
}

impl<'a> Field<'a> {
    fn number(&self, field: &'static str) -> Result<u64, ReadError> {
        match self.payload {
            Payload::Number(number) => Ok(number),
            _ => Err(ReadError::Malformed { offset: self.offset, field }),
        }
    }

    fn bytes(&self, field: &'static str) -> Result<&'a [u8], ReadError> {
        match self.payload {
            Payload::Bytes(bytes) => Ok(bytes),
            _ => Err(ReadError::Malformed { offset: self.offset, field }),
        }
    }

    /// The numbers of a repeated field, packed or one by one.
    fn numbers(&self, field: &'static str, mut each: impl FnMut(u64)) -> Result<(), ReadError> {
        match self.payload {
            Payload::Number(number) => each(number),
            Payload::Bytes(mut packed) => {
                while packed.has_remaining() {
                    let malformed = ReadError::Malformed { offset: self.offset, field };
                    each(decode_varint(&mut packed).map_err(|_| malformed)?);
                }
            }
            Payload::Other => return Err(ReadError::Malformed { offset: self.offset, field }),
        }
        Ok(())
    }
}

impl<'a> Reader<'a> {
    /// Calls `each` with the body of every top-level message that has this tag.
    fn messages(
        &mut self,
        tag: u32,
        name: &'static str,
        mut each: impl FnMut(&mut Self, &'a [u8], usize) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let bytes = self.bytes;
        fields(bytes, 0, "field", |field| match field.tag == tag {
            true => each(self, field.bytes(name)?, field.offset),
            false => Ok(()),
        })
    }

    fn text(&self, index: u64, field: &'static str, offset: usize) -> Result<StringId, ReadError> {
        let found = usize::try_from(index).ok().and_then(|index| self.strings.get(index));
        found.copied().ok_or(ReadError::Dangling { offset, field, id: index })
    }

    fn read_strings(&mut self) -> Result<(), ReadError> {
        self.messages(6, "string", |reader, bytes, _| {
            let index = reader.strings.len();
            let text = str::from_utf8(bytes).map_err(|_| ReadError::NotUtf8 { index })?;
            reader.account.take::<StringId>(text.len() + ENTRY_BYTES)?;
            let id = reader.profile.intern(text);
            reader.strings.push(id);
            Ok(())
        })
    }

    fn read_header(&mut self) -> Result<(), ReadError> {
        let bytes = self.bytes;
        fields(bytes, 0, "field", |field| {
            let offset = field.offset;
            match field.tag {
                1 => {
                    let column = self.value_type(field.bytes("sample_type")?, offset)?;
                    self.account.take::<ValueType>(0)?;
                    self.profile.sample_types.push(column);
                }
                7 => {
                    self.profile.drop_frames =
                        self.text(field.number("drop_frames")?, "drop_frames", offset)?
                }
                8 => {
                    self.profile.keep_frames =
                        self.text(field.number("keep_frames")?, "keep_frames", offset)?
                }
                9 => self.profile.time_nanos = field.number("time_nanos")? as i64,
                10 => self.profile.duration_nanos = field.number("duration_nanos")? as i64,
                11 => self.profile.period_type = self.value_type(field.bytes("period_type")?, offset)?,
                12 => self.profile.period = field.number("period")? as i64,
                13 => {
                    let mut indices = Vec::new();
                    let most = ReadLimits::COMMENTS;
                    field.numbers("comment", |index| push_up_to(most, &mut indices, index))?;
                    if indices.len() + self.profile.comments.len() > most as usize {
                        return Err(ReadError::TooMuch { what: "comments", limit: most });
                    }
                    for index in indices {
                        let comment = self.text(index, "comment", offset)?;
                        self.profile.comments.push(comment);
                    }
                }
                14 => {
                    let index = field.number("default_sample_type")?;
                    self.profile.default_sample_type = self.text(index, "default_sample_type", offset)?;
                }
                15 => self.profile.doc_url = self.text(field.number("doc_url")?, "doc_url", offset)?,
                _ => {}
            }
            Ok(())
        })?;
        match self.profile.sample_types.is_empty() {
            true => Err(ReadError::NoSampleTypes),
            false => Ok(()),
        }
    }

    fn value_type(&self, body: &[u8], base: usize) -> Result<ValueType, ReadError> {
        let mut column = ValueType::default();
        fields(body, base, "value type", |field| {
            match field.tag {
                1 => column.name = self.text(field.number("value type")?, "value type", base)?,
                2 => column.unit = self.text(field.number("value type")?, "value type", base)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(column)
    }

    fn read_modules(&mut self) -> Result<HashMap<u64, ModuleId>, ReadError> {
        let mut ids = HashMap::new();
        self.messages(3, "mapping", |reader, body, base| {
            let (mut id, mut module) = (0, Module::default());
            let mut symbolised = Symbolised::default();
            fields(body, base, "mapping", |field| {
                let name = "mapping";
                match field.tag {
                    1 => id = field.number(name)?,
                    2 => module.start = field.number(name)?,
                    3 => module.limit = field.number(name)?,
                    4 => module.file_offset = field.number(name)?,
                    5 => module.path = reader.text(field.number(name)?, "mapping.filename", base)?,
                    6 => module.build_id = reader.text(field.number(name)?, "mapping.build_id", base)?,
                    7 => symbolised.functions = field.number(name)? != 0,
                    8 => symbolised.filenames = field.number(name)? != 0,
                    9 => symbolised.line_numbers = field.number(name)? != 0,
                    10 => symbolised.inline_frames = field.number(name)? != 0,
                    _ => {}
                }
                Ok(())
            })?;
            module.symbolised = symbolised;
            reader.account.take::<Module>(ENTRY_BYTES)?;
            let added = reader.profile.add_module(module);
            claim(&mut ids, id, added, "mapping", base)
        })?;
        Ok(ids)
    }

    fn read_functions(&mut self) -> Result<HashMap<u64, FunctionId>, ReadError> {
        let mut ids = HashMap::new();
        self.messages(5, "function", |reader, body, base| {
            let (mut id, mut function) = (0, Function::default());
            fields(body, base, "function", |field| {
                let name = "function";
                match field.tag {
                    1 => id = field.number(name)?,
                    2 => function.name = reader.text(field.number(name)?, "function.name", base)?,
                    3 => {
                        function.system_name =
                            reader.text(field.number(name)?, "function.system_name", base)?
                    }
                    4 => function.file = reader.text(field.number(name)?, "function.filename", base)?,
                    5 => function.start_line = field.number(name)? as i64,
                    _ => {}
                }
                Ok(())
            })?;
            reader.account.take::<Function>(size_of::<Function>() + ENTRY_BYTES)?;
            let added = reader.profile.add_function(function);
            claim(&mut ids, id, added, "function", base)
        })?;
        Ok(ids)
    }

    fn read_locations(
        &mut self,
        modules: &HashMap<u64, ModuleId>,
        functions: &HashMap<u64, FunctionId>,
    ) -> Result<HashMap<u64, LocationId>, ReadError> {
        let mut ids = HashMap::new();
        self.messages(4, "location", |reader, body, base| {
            let (mut id, mut location) = (0, Location::default());
            fields(body, base, "location", |field| {
                match field.tag {
                    1 => id = field.number("location")?,
                    2 => {
                        location.module =
                            named(modules, field.number("location")?, "location.mapping_id", base)?
                    }
                    3 => location.address = field.number("location")?,
                    4 => {
                        let line = line(field.bytes("line")?, field.offset, functions)?;
                        reader.account.take::<Line>(0)?;
                        location.lines.extend(line);
                    }
                    5 => location.is_folded = field.number("location")? != 0,
                    _ => {}
                }
                Ok(())
            })?;
            reader.account.take::<Location>(ENTRY_BYTES)?;
            let added = reader.profile.add_location(location);
            claim(&mut ids, id, added, "location", base)
        })?;
        Ok(ids)
    }

    fn read_samples(&mut self, locations: &HashMap<u64, LocationId>) -> Result<(), ReadError> {
        let expected = self.profile.sample_types.len();
        let (mut ids, mut stack, mut values, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        self.messages(2, "sample", |reader, body, base| {
            ids.clear();
            stack.clear();
            values.clear();
            labels.clear();
            let mut found = 0;
            fields(body, base, "sample", |field| {
                match field.tag {
                    1 => {
                        let most = ReadLimits::STACK_FRAMES;
                        field.numbers("sample.location_id", |id| push_up_to(most, &mut ids, id))?;
                    }
                    2 => {
                        field.numbers("sample.value", |value| {
                            found += 1;
                            push_up_to(expected as u64, &mut values, value as i64);
                        })?;
                    }
                    3 => {
                        reader.account.take::<Label>(2 * size_of::<Label>())?;
                        labels.push(reader.label(field.bytes("label")?, field.offset)?);
                    }
                    _ => {}
                }
                Ok(())
            })?;
            let mut frames = 0;
            for &id in &ids {
                let dangling = ReadError::Dangling { offset: base, field: "sample.location_id", id };
                let location = *locations.get(&id).ok_or(dangling)?;
                frames += reader.profile.location(location).lines.len().max(1) as u64;
                reader.account.take::<LocationId>(0)?;
                stack.push(location);
            }
            reader.account.take_stack(frames)?;
            reader.account.take::<(u64, u64)>(values.len() * 2 * size_of::<i64>())?;
            if found != expected {
                return Err(ReadError::ValueCount { offset: base, found, expected });
            }
            reader.profile.add_sample(&stack, &values, &labels);
            Ok(())
        })
    }

    fn label(&self, body: &[u8], base: usize) -> Result<Label, ReadError> {
        let mut label = Label {
            key: StringId::default(),
            text: StringId::default(),
            number: 0,
            unit: StringId::default(),
        };
        fields(body, base, "label", |field| {
            match field.tag {
                1 => label.key = self.text(field.number("label")?, "label.key", base)?,
                2 => label.text = self.text(field.number("label")?, "label.str", base)?,
                3 => label.number = field.number("label")? as i64,
                4 => label.unit = self.text(field.number("label")?, "label.num_unit", base)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(label)
    }
}

fn line(body: &[u8], base: usize, functions: &HashMap<u64, FunctionId>) -> Result<Option<Line>, ReadError> {
    let (mut function, mut number, mut column) = (None, 0, 0);
    fields(body, base, "line", |field| {
        match field.tag {
            1 => function = named(functions, field.number("line")?, "line.function_id", base)?,
            2 => number = field.number("line")? as i64,
            3 => column = field.number("line")? as i64,
            _ => {}
        }
        Ok(())
    })?;
    Ok(function.map(|function| Line { function, line: number, column }))
}

/// The entry with this id; 0 stands for none.
fn named<T: Copy>(
    ids: &HashMap<u64, T>,
    id: u64,
    field: &'static str,
    offset: usize,
) -> Result<Option<T>, ReadError> {
    match (id, ids.get(&id)) {
        (0, _) => Ok(None),
        (_, Some(found)) => Ok(Some(*found)),
        (_, None) => Err(ReadError::Dangling { offset, field, id }),
    }
}

fn claim<T>(
    ids: &mut HashMap<u64, T>,
    id: u64,
    added: T,
    field: &'static str,
    offset: usize,
) -> Result<(), ReadError> {
    match id == 0 || ids.insert(id, added).is_some() {
        true => Err(ReadError::BadId { offset, field, id }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit on memory is no narrower for honest files than the one on their size.
    #[test]
    fn what_go_wrote_takes_less_than_the_limit_for_a_file_of_its_size() {
        for packed in [
            &include_bytes!("../../../tests/data/go-heap.pb.gz")[..],
            include_bytes!("../../../tests/data/go127-heap.pb.gz"),
        ] {
            let limits = ReadLimits::default();
            let bytes = unpack(packed, limits).unwrap();
            let (_, left) = read_unpacked(&bytes, Account::new(limits)).unwrap();
            let taken = limits.memory_bytes() - left.memory_bytes();
            let allowed = limits.memory_bytes() / limits.unpacked_bytes * bytes.len() as u64;
            assert!(taken < allowed, "{taken} bytes for {}", bytes.len());
        }
    }
}
