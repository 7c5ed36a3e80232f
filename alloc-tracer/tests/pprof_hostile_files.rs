//! Whatever a file holds, reading it ends with a profile or a typed error that names the place:
//! never a panic, never memory out of proportion.
#![cfg(feature = "profile")]

use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use alloc_tracer::Profile;
use alloc_tracer::profile::{ReadError, ReadLimits};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

const PACKED: &[u8] = include_bytes!("data/go-heap-before.pb.gz");

fn unpacked() -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(PACKED).read_to_end(&mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    Profile::read_pprof(bytes)
}

/// Walks everything that a reader could: an id that dangles would panic here.
fn walk(profile: &Profile) {
    for sample in profile.samples() {
        assert_eq!(sample.values.len(), profile.sample_types.len());
        for location in sample.stack.iter().map(|id| profile.location(*id)) {
            location.module.map(|id| profile.text(profile.module(id).path));
            for line in &location.lines {
                profile.text(profile.function(line.function).name);
            }
        }
        for label in sample.labels {
            let _ = (profile.text(label.key), profile.text(label.text), profile.text(label.unit));
        }
    }
    let mut profile = profile.clone();
    profile.hide_allocator_frames();
    profile.write_pprof(std::io::sink()).unwrap();
}

#[test]
fn a_packed_file_that_is_cut_anywhere_is_an_error() {
    for length in 0..PACKED.len() {
        let error = read(&PACKED[..length]).expect_err("a cut file");
        let as_expected = match length {
            0 => matches!(error, ReadError::NoSampleTypes),
            1 => matches!(error, ReadError::Malformed { .. }),
            _ => matches!(error, ReadError::Gzip { .. }),
        };
        assert!(as_expected, "{length}: {error}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn an_unpacked_file_that_is_cut_anywhere_never_panics() {
    let bytes = unpacked();
    for length in 0..bytes.len() {
        match read(&bytes[..length]) {
            // Between two top-level fields the rest is a shorter but whole message.
            Ok(profile) => walk(&profile),
            Err(ReadError::Malformed { offset, .. } | ReadError::Dangling { offset, .. }) => {
                assert!(offset <= length, "the place is in the file");
            }
            Err(ReadError::NoSampleTypes) => assert!(length < 16, "{length}"),
            Err(other) => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random::new();
    for _ in 0..20_000 {
        let length = random.below(200);
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        if let Ok(profile) = read(&bytes) {
            walk(&profile);
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut random = Random::new();
    let whole = unpacked();
    for _ in 0..4_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        if let Ok(profile) = read(&bytes) {
            walk(&profile);
        }
        let mut packed = PACKED.to_vec();
        let at = random.below(packed.len());
        packed[at] ^= 1 << random.below(8);
        if let Ok(profile) = read(&packed) {
            walk(&profile);
        }
    }
}

#[test]
fn ids_that_name_nothing_are_told_with_their_place() {
    let location_without_function =
        [message(4, &[(1, 1)]), message_with(4, &[(1, 2)], 4, &number(1, 99))].concat();
    for (body, field) in [
        (message(2, &[(1, 99), (2, 1)]), "location"),
        (message(4, &[(1, 1), (2, 99)]), "mapping"),
        (location_without_function, "function"),
        (message(5, &[(1, 1), (2, 99)]), "name"),
        (number(14, 99), "default_sample_type"),
        (number(13, 99), "comment"),
        (message(1, &[(1, 99)]), ""),
    ] {
        match read(&file(&[&body])) {
            Err(ReadError::Dangling { field: found, id: 99, offset }) => {
                assert!(found.contains(field), "{found} for {field}");
                assert!(offset >= 7, "behind the first sample type: {offset}");
            }
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[test]
fn the_id_zero_and_an_id_that_is_taken_are_refused() {
    for tag in [3, 4, 5] {
        let zero = message(tag, &[(2, 0)]);
        assert!(matches!(read(&file(&[&zero])), Err(ReadError::BadId { id: 0, .. })), "{tag}");
        let one = message(tag, &[(1, 7)]);
        assert!(matches!(read(&file(&[&one, &one])), Err(ReadError::BadId { id: 7, .. })), "{tag}");
    }
}

#[test]
fn a_sample_needs_one_value_for_each_column() {
    for values in [0, 2, 3] {
        let fields: Vec<(u32, u64)> = (0..values).map(|value| (2, value)).collect();
        match read(&file(&[&message(2, &fields)])) {
            Err(ReadError::ValueCount { found, expected: 1, .. }) => assert_eq!(found, values as usize),
            other => panic!("{values}: {other:?}"),
        }
    }
}

#[test]
fn a_text_that_is_not_utf8_is_told_by_its_index() {
    let text = [0x32, 2, 0xc3, 0x28];
    let error = read(&file(&[&text])).unwrap_err();
    assert!(matches!(error, ReadError::NotUtf8 { index: 3 }), "{error:?}");
    assert!(error.to_string().contains('3'));
}

#[test]
fn lengths_beyond_the_file_and_endless_numbers_are_refused() {
    for bytes in [
        &[0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..],
        &[0x48, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x00, 0x00],
        &[0x0b],
        &[0x0f],
    ] {
        let error = read(&file(&[bytes])).unwrap_err();
        assert!(matches!(error, ReadError::Malformed { .. }), "{bytes:x?}: {error:?}");
    }
    // Groups in groups in groups must not use up the stack.
    let nested = vec![0x7b; 1 << 20];
    assert!(matches!(read(&nested), Err(ReadError::Malformed { .. })));
}

#[test]
fn a_gzip_bomb_is_stopped_at_the_limit() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let block = vec![0_u8; 1 << 20];
    for _ in 0..1024 {
        packed.write_all(&block).unwrap();
    }
    let bomb = packed.finish().unwrap();
    assert!(bomb.len() < 16 << 20);
    let limits = ReadLimits { unpacked_bytes: 8 << 20 };
    let before = peak_resident_bytes();
    let error = Profile::read_pprof_within(&bomb[..], limits).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { limit_bytes } if limit_bytes == 8 << 20), "{error:?}");
    if let (Some(before), Some(after)) = (before, peak_resident_bytes()) {
        assert!(after - before < 64 << 20, "{} more bytes resident", after - before);
    }
    assert!(matches!(read(&bomb), Err(ReadError::TooLarge { .. })), "the default limit stops it too");
}

#[test]
fn a_file_exactly_at_the_limit_is_read() {
    let bytes = unpacked();
    let within = |limit: u64| Profile::read_pprof_within(PACKED, ReadLimits { unpacked_bytes: limit });
    assert!(within(bytes.len() as u64).is_ok());
    assert!(matches!(within(bytes.len() as u64 - 1), Err(ReadError::TooLarge { .. })));
}

/// A file with one column, the texts "", "a" and "b", and these fields.
fn file(fields: &[&[u8]]) -> Vec<u8> {
    let texts: [&[u8]; 3] = [&[0x32, 0], &[0x32, 1, b'a'], &[0x32, 1, b'b']];
    let mut bytes = message(1, &[(1, 1), (2, 2)]);
    bytes.extend(texts.concat());
    bytes.extend(fields.concat());
    bytes
}

/// A field with a number.
fn number(tag: u32, value: u64) -> Vec<u8> {
    let mut bytes = varint(u64::from(tag) << 3);
    bytes.extend(varint(value));
    bytes
}

/// A field with a message of numbers.
fn message(tag: u32, fields: &[(u32, u64)]) -> Vec<u8> {
    let body: Vec<u8> = fields.iter().flat_map(|(tag, value)| number(*tag, *value)).collect();
    wrapped(tag, &body)
}

/// A field with a message of numbers and of one inner message.
fn message_with(tag: u32, fields: &[(u32, u64)], inner_tag: u32, inner: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = fields.iter().flat_map(|(tag, value)| number(*tag, *value)).collect();
    body.extend(wrapped(inner_tag, inner));
    wrapped(tag, &body)
}

fn wrapped(tag: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = varint(u64::from(tag) << 3 | 2);
    bytes.extend(varint(body.len() as u64));
    bytes.extend(body);
    bytes
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// The most memory that the process ever had, on systems that tell.
fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016),
/// seeded by the clock or by the variable `SEED`.
struct Random(u64);

impl Random {
    fn new() -> Random {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(now) | 1;
        eprintln!("SEED={seed}");
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
