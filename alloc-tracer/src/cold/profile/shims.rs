//! Which frames at the leaf of a stack are not the program's own doing: the tracer, the allocator's
//! entry points, and the glue of `alloc::alloc`. Broken by: the tests below and the demos' tests,
//! which assert the first visible frame.

use super::{Line, Location, Profile};
use crate::cold::std::prelude::rust_2024::*;

/// The same list as a regular expression over demangled names, for viewers that apply
/// `drop_frames` themselves. Matched against the whole name.
pub(crate) const DROP_FRAMES: &str = concat!(
    r"(<?alloc_tracer::.*|.* as core::alloc::global::GlobalAlloc>::.*|_*(rustc::)?_*r(ust|g|dl|de)_",
    r"(alloc|dealloc|realloc|alloc_zeroed).*|alloc::alloc::.*|<alloc::alloc::Global.*|alloc::boxed::box_new.*",
    r"|alloc::raw_vec::finish_grow.*|alloc::raw_vec::RawVecInner<A>::(try_allocate_in|with_capacity.*)",
    r"|<alloc::boxed::Box<T>>::new_uninit.*|<std::alloc::System.*)"
);

/// Whether a demangled name belongs to the allocator's side of a stack.
pub(crate) fn is_allocator_frame(name: &str) -> bool {
    const WITHIN: [&str; 5] = [
        "alloc_tracer::",
        "alloc::alloc::",
        "alloc::boxed::box_new",
        "alloc::raw_vec::finish_grow",
        "std::alloc::System",
    ];
    const CONTAINED: [&str; 3] = [
        "as core::alloc::global::GlobalAlloc>::",
        "::try_allocate_in",
        "alloc::raw_vec::RawVecInner<A>::with_capacity",
    ];
    const ENTRY_POINTS: [&str; 4] = ["__rust_", "__rg_", "__rdl_", "__rustc::__r"];
    let inside_brackets = name.trim_start_matches('<');
    WITHIN.iter().any(|prefix| inside_brackets.starts_with(prefix))
        || CONTAINED.iter().any(|part| name.contains(part))
        || ENTRY_POINTS.iter().any(|prefix| name.starts_with(prefix)) && is_allocation_entry(name)
}

fn is_allocation_entry(name: &str) -> bool {
    ["_alloc", "_realloc", "_dealloc", "_alloc_zeroed"].iter().any(|end| name.ends_with(end))
}

/// Removes the innermost frames that [`is_allocator_frame`] knows from every stack.
pub(super) fn hide(profile: &mut Profile) {
    let is_hidden = |line: &Line| {
        let function = profile.functions[line.function.0 as usize];
        is_allocator_frame(profile.strings.get(function.name))
    };
    let hidden_lines: Vec<usize> = profile
        .locations
        .iter()
        .map(|location| location.lines.iter().take_while(|line| is_hidden(line)).count())
        .collect();
    let mut wholly_hidden = Vec::with_capacity(hidden_lines.len());
    for (location, hidden) in profile.locations.iter_mut().zip(hidden_lines) {
        let wholly = hidden > 0 && hidden == location.lines.len();
        wholly_hidden.push(wholly);
        if !wholly {
            location.lines.drain(..hidden);
        }
    }
    profile.retain_stack_frames(|_: &[Location], stack| {
        stack.iter().take_while(|id| wholly_hidden[id.0 as usize]).count()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points_and_glue_are_hidden_and_container_growth_stays() {
        for hidden in [
            "__rustc::__rust_alloc",
            "__rg_realloc",
            "<alloc_tracer::hook::AllocTracer as core::alloc::global::GlobalAlloc>::alloc",
            "alloc::alloc::alloc",
            "<alloc::alloc::Global>::alloc_impl_runtime",
            "alloc::raw_vec::finish_grow",
        ] {
            assert!(is_allocator_frame(hidden), "{hidden}");
        }
        for visible in [
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "hashbrown::raw::RawTable<T,A>::reserve_rehash",
            "my_app::alloc::pool",
            "__rust_begin_short_backtrace",
        ] {
            assert!(!is_allocator_frame(visible), "{visible}");
        }
    }
}
