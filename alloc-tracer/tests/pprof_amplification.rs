//! A small file does not become a large profile: a few bytes that stand for much memory, or for very many
//! frames, are refused at limits that are numbers. The tracer itself measures what reading takes.
#![cfg(feature = "profile")]

use std::io::Cursor;

use alloc_tracer::profile::{ReadError, ReadLimits};
use alloc_tracer::{AllocTracer, Profile};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().off();

const UNPACKED_BYTES: u64 = 8 << 20;
const LIMITS: ReadLimits = ReadLimits { unpacked_bytes: UNPACKED_BYTES };

/// A field with a message or a text.
fn field(tag: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = varint(u64::from(tag) << 3 | 2);
    bytes.extend(varint(body.len() as u64));
    bytes.extend(body);
    bytes
}

fn number(tag: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(tag) << 3), varint(value)].concat()
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

/// One column, the texts "" and "a", a function and a location with as many lines.
fn start(lines: usize) -> Vec<u8> {
    let location = [number(1, 1), field(4, &number(1, 1)).repeat(lines)].concat();
    let parts = [field(1, &number(1, 1)), field(6, b""), field(6, b"a"), field(5, &number(1, 1))];
    [parts.concat(), field(4, &location)].concat()
}

/// Reads a file that repeats a part up to the limit on its size. Returns the most bytes that were live
/// meanwhile, and what became of it.
fn read(start: &[u8], part: impl Fn(u64) -> Vec<u8>) -> (u64, Result<Profile, ReadError>) {
    let mut file = start.to_vec();
    // Of what needs a number of its own, four hundred thousand parts are too many for any limit here.
    for index in 2..400_000 {
        let part = part(index);
        if file.len() + part.len() > UNPACKED_BYTES as usize {
            break;
        }
        file.extend(part);
    }
    let live = alloc_tracer::stats().live_bytes;
    alloc_tracer::reset();
    let outcome = Profile::read_pprof_within(Cursor::new(&file), LIMITS);
    (alloc_tracer::stats().peak_live_bytes.saturating_sub(live), outcome)
}

fn a_few_bytes_of_a_file_never_stand_for_much_memory() {
    let one_long_sample = |part: &[u8]| {
        let parts = UNPACKED_BYTES as usize / part.len() - 100;
        [start(1), field(2, &[number(1, 1), number(2, 1), part.repeat(parts)].concat())].concat()
    };
    let sample = |part: Vec<u8>| field(2, &[part, number(2, 1)].concat());
    let nothing = |_| vec![0; UNPACKED_BYTES as usize];
    let mut worst = 0;
    for (what, start, part) in [
        ("empty texts", start(1), Box::new(|_| field(6, b"")) as Box<dyn Fn(u64) -> Vec<u8>>),
        ("columns", start(1), Box::new(|_| field(1, b""))),
        ("comments", start(1), Box::new(|_| field(13, &[1; 60_000]))),
        ("mappings", start(1), Box::new(|index| field(3, &number(1, index)))),
        ("functions", start(1), Box::new(|index| field(5, &[number(1, index), number(5, index)].concat()))),
        ("locations", start(1), Box::new(|index| field(4, &number(1, index)))),
        (
            "locations with a line",
            start(1),
            Box::new(|index| field(4, &[number(1, index), field(4, &number(1, 1))].concat())),
        ),
        ("lines", start(UNPACKED_BYTES as usize / 4 - 100), Box::new(nothing)),
        ("samples", start(1), Box::new(move |_| sample(number(1, 1)))),
        ("deep samples", start(1), Box::new(|_| field(2, &[field(1, &[1; 60_000]), number(2, 1)].concat()))),
        ("labels of a sample", one_long_sample(&field(3, b"")), Box::new(nothing)),
        ("values of a sample", one_long_sample(&number(2, 1)), Box::new(nothing)),
        ("frames of a sample", one_long_sample(&number(1, 1)), Box::new(nothing)),
    ] {
        let (peak, outcome) = read(&start, part);
        let unpacked_twice = 2 * UNPACKED_BYTES;
        println!("{what}: {peak} bytes, {:?}", outcome.as_ref().err());
        assert!(peak <= LIMITS.memory_bytes() + unpacked_twice, "{what}: {peak} bytes");
        worst = worst.max(peak);
    }
    assert!(worst > UNPACKED_BYTES, "it was measured: {worst}");
}

fn a_stack_is_no_deeper_and_all_are_no_longer_than_the_limits() {
    // A byte names a location, and a location may have any number of lines.
    let deep = |times: usize| field(2, &[field(1, &vec![1; times]), number(2, 1)].concat());
    let read = |file: &[u8]| Profile::read_pprof_within(Cursor::new(file), LIMITS);
    let most = ReadLimits::STACK_FRAMES as usize;
    assert!(read(&[start(1), deep(most)].concat()).is_ok());
    let too_deep = |outcome| matches!(outcome, Err(ReadError::TooMuch { what: "frames in a stack", .. }));
    assert!(too_deep(read(&[start(1), deep(most + 1)].concat())));
    assert!(too_deep(read(&[start(1000), deep(66)].concat())));
    let many = [start(1000), deep(60).repeat((1 << 24) / 60_000 + 1)].concat();
    assert!(many.len() < 1 << 20, "{}", many.len());
    let error = read(&many).unwrap_err();
    assert!(matches!(error, ReadError::TooMuch { what: "frames in all stacks", .. }), "{error:?}");
    assert!(error.to_string().contains("16777216"), "{error}");
}

/// One after the other: what another test allocates would count as well.
#[test]
fn small_files_stay_small() {
    a_few_bytes_of_a_file_never_stand_for_much_memory();
    a_stack_is_no_deeper_and_all_are_no_longer_than_the_limits();
}
