//! Everything that a profile can hold survives being written and read back.
#![cfg(feature = "profile")]

use alloc_tracer::Profile;
use alloc_tracer::profile::{
    Function, Label, Line, Location, Module, SourceFrame, StringId, Symbolised, ValueType,
};

#[test]
fn a_profile_with_everything_comes_back_equal() {
    let first = full();
    let mut written = Vec::new();
    first.write_pprof(&mut written).unwrap();
    let second = Profile::read_pprof(&written[..]).unwrap();
    assert_equal(&first, &second);

    let mut again = Vec::new();
    second.write_pprof(&mut again).unwrap();
    assert_equal(&second, &Profile::read_pprof(&again[..]).unwrap());
}

#[test]
fn writing_twice_gives_the_same_bytes() {
    let write = || {
        let mut bytes = Vec::new();
        full().write_pprof(&mut bytes).unwrap();
        bytes
    };
    assert!(write() == write());
}

#[test]
fn a_profile_without_samples_comes_back_too() {
    let mut first = Profile::new();
    first.declare_heap_columns(true);
    let mut written = Vec::new();
    first.write_pprof(&mut written).unwrap();
    let second = Profile::read_pprof(&written[..]).unwrap();
    assert_equal(&first, &second);
    assert_eq!((second.sample_types.len(), second.samples().len()), (8, 0));
}

/// Inlined lines, shared locations, labels of both kinds, several modules, more than four columns,
/// comments, extreme numbers, empty stacks, texts with every kind of character.
fn full() -> Profile {
    let mut profile = Profile::new();
    profile.declare_heap_columns(true);
    profile.add_sample_type("idle_space", "bytes");
    profile.set_comments(["alloc-tracer 0.1.0, sampled every 512 KiB", "größe; \"quoted\"", ""]);
    profile.period = 524_288;
    profile.time_nanos = 1_700_000_000_123_456_789;
    profile.duration_nanos = 42;
    profile.doc_url = profile.intern("https://example.org/doc");
    profile.drop_frames = profile.intern("__rust_.*");
    profile.keep_frames = profile.intern("__rust_keep");

    let program = Module {
        start: 0x5555_5555_4000,
        limit: 0x5555_5560_0000,
        file_offset: 0x1000,
        path: profile.intern("/srv/bin/größe"),
        build_id: profile.intern("00ff17"),
        symbolised: Symbolised { functions: true, filenames: true, line_numbers: true, inline_frames: true },
    };
    let program = profile.add_module(program);
    let library = Module {
        start: 0x7fff_0000_0000,
        limit: u64::MAX,
        symbolised: Symbolised { functions: true, ..Symbolised::default() },
        ..Module::default()
    };
    let library = profile.add_module(library);

    let inlined = profile.add_location(Location {
        module: Some(program),
        address: 0x5555_5555_5abc,
        ..Location::default()
    });
    let frames = ["innermost<T>", "middle", "<[u8; 16] as Fill>::fill"].map(|name| SourceFrame {
        name: name.into(),
        system_name: format!("_R{name}"),
        file: format!("src/{name}.rs"),
        line: 7,
        column: u32::MAX,
    });
    profile.set_lines(inlined, &frames);
    let function = Function {
        name: profile.intern("outer"),
        system_name: profile.intern("_Router"),
        file: profile.intern("/a/b.rs"),
        start_line: 3,
    };
    let function = profile.add_function(function);
    let outer = profile.add_location(Location {
        module: Some(library),
        address: u64::MAX - 1,
        lines: vec![Line { function, line: i64::MAX, column: 0 }],
        is_folded: true,
    });
    let bare = profile.add_location(Location::default());

    let label = |profile: &mut Profile, key: &str, text: &str, number: i64, unit: &str| Label {
        key: profile.intern(key),
        text: profile.intern(text),
        number,
        unit: profile.intern(unit),
    };
    let labels = [
        label(&mut profile, "thread", "worker 12", 0, ""),
        label(&mut profile, "bytes", "", -4096, "bytes"),
        label(&mut profile, "bytes", "", i64::MIN, "bytes"),
    ];
    profile.add_sample(&[inlined, outer], &[1, 2, 3, 4, 5, 6, 7, 8, 9], &labels);
    profile.add_sample(&[bare], &[i64::MAX, i64::MIN, -1, 0, 0, 0, 0, 0, 0], &[]);
    profile.add_sample(&[outer, outer, inlined], &[0; 9], &labels[1..2]);
    profile.add_sample(&[], &[1; 9], &[]);
    profile
}

fn assert_equal(a: &Profile, b: &Profile) {
    let text = |profile: &Profile, id: StringId| profile.text(id).to_owned();
    let column =
        |profile: &Profile, column: &ValueType| (text(profile, column.name), text(profile, column.unit));
    let columns =
        |profile: &Profile| profile.sample_types.iter().map(|each| column(profile, each)).collect::<Vec<_>>();
    assert_eq!(columns(a), columns(b));
    assert_eq!(column(a, &a.period_type), column(b, &b.period_type));
    let numbers = |profile: &Profile| (profile.period, profile.time_nanos, profile.duration_nanos);
    assert_eq!(numbers(a), numbers(b));
    let texts = |profile: &Profile| {
        let mut ids =
            vec![profile.default_sample_type, profile.doc_url, profile.drop_frames, profile.keep_frames];
        ids.extend(&profile.comments);
        ids.into_iter().map(|id| text(profile, id)).collect::<Vec<_>>()
    };
    assert_eq!(texts(a), texts(b));
    let modules = |profile: &Profile| {
        let each = profile.modules().iter().map(|module| {
            let range = (module.start, module.limit, module.file_offset);
            (range, text(profile, module.path), text(profile, module.build_id), module.symbolised)
        });
        each.collect::<Vec<_>>()
    };
    assert_eq!(modules(a), modules(b));
    let functions = |profile: &Profile| {
        let each = profile.functions().iter().map(|function| {
            let names = (text(profile, function.name), text(profile, function.system_name));
            (names, text(profile, function.file), function.start_line)
        });
        each.collect::<Vec<_>>()
    };
    assert_eq!(functions(a), functions(b));
    assert_eq!(a.locations(), b.locations());
    assert_eq!(a.samples().len(), b.samples().len());
    for (x, y) in a.samples().zip(b.samples()) {
        assert_eq!((x.stack, x.values), (y.stack, y.values));
        let labels = |profile: &Profile, labels: &[Label]| {
            let each = labels.iter().map(|label| {
                (text(profile, label.key), text(profile, label.text), label.number, text(profile, label.unit))
            });
            each.collect::<Vec<_>>()
        };
        assert_eq!(labels(a, x.labels), labels(b, y.labels));
    }
}
