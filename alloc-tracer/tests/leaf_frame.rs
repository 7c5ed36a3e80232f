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
    let site = snapshot.sites().find(|site| site.values.inuse_space.value == BYTES as f64).unwrap();
    let mut innermost = Vec::new();
    backtrace::resolve(std::ptr::without_provenance_mut(site.stack[0] as usize), |symbol| {
        innermost.extend(symbol.name().map(|name| name.to_string()));
    });
    // Whatever was inlined, the innermost frame is, or contains, the tracer's entry; where the `backtrace`
    // crate walks, that crate's.
    let is_inside = |name: &String| name.contains("alloc_tracer::") || name.starts_with("backtrace::");
    assert!(innermost.iter().any(is_inside), "begins with {innermost:?}");

    let profile = snapshot.profile();
    let column = profile.column("inuse_space").unwrap();
    let sample = profile.samples().find(|sample| sample.values[column] == BYTES as i64).unwrap();
    let lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
    let names: Vec<_> = lines.map(|line| profile.text(profile.function(line.function).name)).collect();
    let makes_a_box = |name: &&str| name.ends_with("make_a_box");
    assert!(names.iter().take(3).any(makes_a_box), "{names:#?}");
    drop(kept);
}
