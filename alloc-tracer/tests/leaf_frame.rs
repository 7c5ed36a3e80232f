//! The function that allocates is on the stack, also where the compiler made the tracer's entry a part of
//! it, as it does in optimised programs.
#![cfg(feature = "profile")]

use alloc_tracer::AllocTracer;

#[global_allocator]
static ALLOC: AllocTracer = AllocTracer::system().exact();

const BYTES: usize = 12_347;

#[inline(never)]
fn make_a_box() -> Box<[u8; BYTES]> {
    std::hint::black_box(Box::new([1; BYTES]))
}

#[test]
fn no_function_is_missing_between_the_tracer_and_the_program() {
    let kept = make_a_box();
    let snapshot = alloc_tracer::snapshot();
    let profile = snapshot.profile();
    let column = profile.column("inuse_space").unwrap();
    let sample = profile.samples().find(|sample| sample.values[column] == BYTES as i64).unwrap();
    let lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
    let names: Vec<_> = lines.map(|line| profile.text(profile.function(line.function).name)).collect();
    let makes_a_box = |name: &&str| name.ends_with("make_a_box");
    assert!(names.iter().take(3).any(makes_a_box), "{names:#?}");
    drop(kept);
}
