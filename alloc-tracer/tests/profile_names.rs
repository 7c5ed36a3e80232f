//! Names in a profile are what a Rust programmer would call them: demangled and mangled, with file
//! and line, inlined functions as frames of their own, the tracer's own frames gone.
#![cfg(feature = "profile")]

use std::collections::HashMap;

use alloc_tracer::{AllocTracer, Profile};

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

#[inline(never)]
fn fill_the_map(map: &mut HashMap<u64, [u8; 100]>) {
    for key in 0..1000 {
        add_one(map, key);
    }
}

#[inline(always)]
fn add_one(map: &mut HashMap<u64, [u8; 100]>, key: u64) {
    map.insert(key, [0; 100]);
}

#[test]
fn the_stack_that_holds_most_reads_from_container_growth_to_the_programs_function() {
    let mut map = HashMap::new();
    fill_the_map(&mut map);
    let profile = alloc_tracer::snapshot().profile();
    let frames = heaviest_stack(&profile);
    let names: Vec<&str> = frames.iter().map(|(name, ..)| name.as_str()).collect();
    let position = |part: &str| {
        names.iter().position(|name| name.contains(part)).unwrap_or_else(|| panic!("no {part} in {names:#?}"))
    };
    assert!(position("reserve_rehash") < position("add_one"));
    assert_eq!(position("add_one") + 1, position("fill_the_map"), "{names:#?}");
    let add_one = &frames[position("add_one")];
    let fill = &frames[position("fill_the_map")];
    assert!(add_one.1.ends_with("tests/profile_names.rs") && fill.1.ends_with("tests/profile_names.rs"));
    assert_eq!((add_one.2, fill.2), (21, 15), "the lines of the calls in this file");
    assert!(fill.3.starts_with("_ZN") || fill.3.starts_with("_R"), "mangled: {}", fill.3);
    assert!(
        names.iter().all(|name| !name.contains("alloc_tracer::") && !name.starts_with("__rust_")),
        "{names:#?}"
    );
    assert!(!names[0].starts_with("alloc::alloc::"), "{names:#?}");
    drop(map);
}

#[test]
fn the_comments_say_version_mode_and_totals() {
    let profile = alloc_tracer::snapshot().profile();
    let comments: Vec<&str> = profile.comments.iter().map(|id| profile.text(*id)).collect();
    assert_eq!(comments[0], concat!("alloc-tracer ", env!("CARGO_PKG_VERSION"), ", exact"));
    assert!(comments[1].starts_with("totals: ") && comments[2].contains("0 re-entries"), "{comments:?}");
    assert_eq!((profile.text(profile.default_sample_type), profile.period), ("inuse_space", 1));
    assert_eq!(profile.text(profile.period_type.name), "space");
}

/// Name, file, line and mangled name of each frame of the stack with most live bytes, leaf first.
fn heaviest_stack(profile: &Profile) -> Vec<(String, String, i64, String)> {
    let column = profile.column("inuse_space").unwrap();
    let heaviest = profile.samples().max_by_key(|sample| sample.values[column]).unwrap();
    let lines = heaviest.stack.iter().flat_map(|id| &profile.location(*id).lines);
    lines
        .map(|line| {
            let function = profile.function(line.function);
            let text = |id| profile.text(id).to_owned();
            (text(function.name), text(function.file), line.line, text(function.system_name))
        })
        .collect()
}
