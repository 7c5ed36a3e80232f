//! Profiles that Go itself wrote are read, and survive being written by us.
#![cfg(feature = "profile")]

use alloc_tracer::Profile;

const GO: [(&str, &[u8]); 4] = [
    ("go 1.19, before", include_bytes!("data/go-heap-before.pb.gz")),
    ("go 1.19", include_bytes!("data/go-heap.pb.gz")),
    ("go 1.27, before", include_bytes!("data/go127-heap-before.pb.gz")),
    ("go 1.27", include_bytes!("data/go127-heap.pb.gz")),
];

#[test]
fn a_heap_profile_of_go_has_its_four_columns_and_named_frames() {
    for (name, bytes) in GO {
        let profile = Profile::read_pprof(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let columns: Vec<_> = profile.sample_types.iter().map(|column| profile.text(column.name)).collect();
        assert_eq!(columns, ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"], "{name}");
        assert_eq!(profile.period, 1 << profile.period.trailing_zeros(), "{name}");
        let functions: Vec<_> = profile.functions().iter().map(|f| profile.text(f.name)).collect();
        assert!(functions.contains(&"main.main"), "{name}: {functions:?}");
    }
}

#[test]
fn writing_and_reading_again_changes_nothing() {
    for (name, bytes) in GO {
        let first = Profile::read_pprof(bytes).unwrap();
        let mut written = Vec::new();
        first.write_pprof(&mut written).unwrap();
        let second = Profile::read_pprof(&written[..]).unwrap();
        assert_eq!(describe(&first), describe(&second), "{name}");
    }
}

/// Every fact of a profile as text, independent of ids.
fn describe(profile: &Profile) -> Vec<String> {
    let mut facts: Vec<String> = profile.comments.iter().map(|id| profile.text(*id).to_owned()).collect();
    facts.push(format!("{} {} {}", profile.period, profile.time_nanos, profile.duration_nanos));
    for id in [profile.default_sample_type, profile.drop_frames, profile.keep_frames, profile.doc_url] {
        facts.push(profile.text(id).to_owned());
    }
    for module in profile.modules() {
        facts.push(format!("{:x} {:x} {:?}", module.start, module.limit, module.symbolised));
        facts.push(format!("{} {}", profile.text(module.path), profile.text(module.build_id)));
    }
    for sample in profile.samples() {
        let mut fact = format!("{:?}", sample.values);
        for id in sample.stack {
            let location = profile.location(*id);
            fact += &format!(" {:x}", location.address);
            for line in &location.lines {
                let function = profile.function(line.function);
                fact += &format!(" {}:{}:{}", profile.text(function.name), profile.text(function.file), line.line);
            }
        }
        for label in sample.labels {
            fact += &format!(" {}={}{}", profile.text(label.key), profile.text(label.text), label.number);
        }
        facts.push(fact);
    }
    facts
}
