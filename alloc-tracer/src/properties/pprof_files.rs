//! Any file is read as a profile or refused with a reason, in memory in proportion to its size; what was
//! read can be walked, and comes back equal, and as the same bytes, from what the writer makes of it.

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Allocations;
use crate::cold::profile::{Label, Profile, ReadError, ReadLimits, StringId, ValueType};
use crate::cold::std::io::Write;
use crate::cold::std::prelude::rust_2024::*;
use crate::cold::std::string::String;

const LIMITS: ReadLimits = ReadLimits { unpacked_bytes: 1 << 18 };
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A location takes 4 bytes in a file and about 80 with its id in memory, while tables double.
const MOST_BYTES_PER_BYTE: usize = 100;
/// The unpacker's window and tables, and the smallest tables of a profile.
const FIXED_BYTES: usize = 128 << 10;

/// The bytes are the file.
pub fn any_file_is_read(bytes: &[u8]) {
    let Ok(profile) = read(bytes) else { return };
    walk(&profile);
    let written = written(&profile);
    let again = read(&written).expect("what the writer wrote is read");
    assert_equal(&profile, &again);
    assert!(written == self::written(&again), "the same profile gives the same bytes");
    let mut shortened = profile;
    shortened.hide_allocator_frames();
    walk(&shortened);
}

/// Reads a file as it is and packed, which must give the same.
fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    let allocations = Allocations::from_here();
    let found = Profile::read_pprof_within(bytes, LIMITS);
    let unpacked_bytes =
        if bytes.starts_with(&GZIP_MAGIC) { LIMITS.unpacked_bytes as usize } else { bytes.len() };
    let most = FIXED_BYTES + MOST_BYTES_PER_BYTE * unpacked_bytes;
    let peak = allocations.peak_bytes();
    assert!(peak <= most, "{peak} bytes of memory for {unpacked_bytes} bytes");
    if let Err(error) = &found {
        check_reason(error, bytes);
    }
    if !bytes.starts_with(&GZIP_MAGIC) {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).expect("memory takes it");
        let packed = packer.finish().expect("memory takes it");
        match (&found, Profile::read_pprof_within(&packed[..], LIMITS)) {
            (Ok(plain), Ok(packed)) => assert_equal(plain, &packed),
            (Err(plain), Err(packed)) => assert_eq!(text(plain), text(&packed)),
            (plain, packed) => core::panic!("plain {plain:?}, packed {packed:?}"),
        }
    }
    found
}

fn text(error: &ReadError) -> String {
    use crate::cold::std::string::ToString;
    error.to_string()
}

fn check_reason(error: &ReadError, bytes: &[u8]) {
    let said = text(error);
    assert!(!said.is_empty() && !said.contains(char::is_control), "{said:?}");
    if let ReadError::Malformed { offset, .. }
    | ReadError::Dangling { offset, .. }
    | ReadError::BadId { offset, .. }
    | ReadError::ValueCount { offset, .. } = error
        && !bytes.starts_with(&GZIP_MAGIC)
    {
        assert!(*offset <= bytes.len(), "a place in the file: {said}");
    }
}

/// Follows every id.
fn walk(profile: &Profile) {
    for sample in profile.samples() {
        assert_eq!(sample.values.len(), profile.sample_types.len());
        for location in sample.stack.iter().map(|id| profile.location(*id)) {
            location.module.map(|id| profile.text(profile.module(id).path));
            for line in &location.lines {
                profile.text(profile.function(line.function).name);
            }
        }
    }
    for column in 0..profile.sample_types.len() {
        profile.total(column);
        profile.variance_column(column);
    }
}

fn written(profile: &Profile) -> Vec<u8> {
    let mut file = Vec::new();
    profile.write_pprof(&mut file).expect("memory takes it");
    file
}

fn assert_equal(a: &Profile, b: &Profile) {
    assert!(header(a).eq(header(b)), "header");
    let numbers = |profile: &Profile| (profile.period, profile.time_nanos, profile.duration_nanos);
    assert_eq!(numbers(a), numbers(b));
    assert!(modules(a).eq(modules(b)), "modules");
    assert!(functions(a).eq(functions(b)), "functions");
    assert_eq!(a.locations(), b.locations());
    assert_eq!(a.samples().len(), b.samples().len());
    for (x, y) in a.samples().zip(b.samples()) {
        assert_eq!((x.stack, x.values), (y.stack, y.values));
        assert!(labels(a, x.labels).eq(labels(b, y.labels)), "labels");
    }
}

fn header(profile: &Profile) -> impl Iterator<Item = &str> {
    let columns = profile.sample_types.iter().chain([&profile.period_type]);
    let columns = columns.flat_map(|ValueType { name, unit }| [*name, *unit]);
    let single: [StringId; 4] =
        [profile.default_sample_type, profile.doc_url, profile.drop_frames, profile.keep_frames];
    columns.chain(single).chain(profile.comments.iter().copied()).map(|id| profile.text(id))
}

fn modules(profile: &Profile) -> impl Iterator<Item = impl PartialEq + use<'_>> {
    profile.modules().iter().map(|module| {
        let range = (module.start, module.limit, module.file_offset);
        (range, profile.text(module.path), profile.text(module.build_id), module.symbolised)
    })
}

fn functions(profile: &Profile) -> impl Iterator<Item = impl PartialEq + use<'_>> {
    profile.functions().iter().map(|function| {
        let names = (profile.text(function.name), profile.text(function.system_name));
        (names, profile.text(function.file), function.start_line)
    })
}

fn labels<'p>(
    profile: &'p Profile,
    labels: &'p [Label],
) -> impl Iterator<Item = (&'p str, &'p str, i64, &'p str)> {
    let text = |id| profile.text(id);
    labels.iter().map(move |label| (text(label.key), text(label.text), label.number, text(label.unit)))
}
