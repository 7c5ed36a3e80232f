//! Which frames at the leaf of a stack are not the program's own doing: the tracer, the allocator's
//! entry points, and the glue of `alloc::alloc`. Broken by: the tests below and the demos' tests,
//! which assert the first visible frame.

use super::{Line, Location, Profile, StringId};
use crate::cold::std::collections::HashMap;
use crate::cold::std::format;
use crate::cold::std::prelude::rust_2024::*;

/// Names begin with one of these, after any opening brackets.
const BEGINNINGS: [&str; 7] = [
    "backtrace::backtrace::",
    "alloc_tracer::",
    "alloc::alloc::",
    "alloc::boxed::box_new",
    "alloc::boxed::exchange_malloc",
    "hashbrown::raw::alloc::",
    "std::alloc::System",
];

/// Names begin with the first, after any opening brackets, and contain the second.
const FUNCTIONS_OF: [(&str, &str); 4] = [
    ("alloc::raw_vec::", "finish_grow"),
    ("alloc::raw_vec::RawVecInner", "try_allocate_in"),
    ("alloc::raw_vec::RawVecInner", "with_capacity_in"),
    ("alloc::boxed::Box<", "new_uninit_in"),
];

/// Names contain this: an implementation of the trait, of whatever allocator.
const TRAIT: &str = " as core::alloc::global::GlobalAlloc>::";

/// The compiler's entry points: one of these beginnings and one of these ends.
const ENTRY_BEGINNINGS: [&str; 5] = ["__rust_", "__rg_", "__rdl_", "__rustc::__rust_", "__rustc::__r"];
const ENTRY_ENDS: [&str; 4] = ["_alloc", "_realloc", "_dealloc", "_alloc_zeroed"];

/// The same rules as a regular expression over whole names, for viewers that apply `drop_frames`.
pub(crate) fn drop_frames() -> String {
    let any = |texts: &[&str]| texts.join("|");
    let functions = FUNCTIONS_OF.map(|(owner, function)| format!("<*{owner}.*{function}.*")).join("|");
    format!(
        "<*({}).*|{functions}|.*{TRAIT}.*|({}).*({})",
        any(&BEGINNINGS),
        any(&ENTRY_BEGINNINGS),
        any(&ENTRY_ENDS)
    )
}

/// Whether a demangled name belongs to the allocator's side of a stack.
pub(crate) fn is_allocator_frame(name: &str) -> bool {
    let inside_brackets = name.trim_start_matches('<');
    BEGINNINGS.iter().any(|beginning| inside_brackets.starts_with(beginning))
        || FUNCTIONS_OF
            .iter()
            .any(|(owner, function)| inside_brackets.starts_with(owner) && inside_brackets.contains(function))
        || name.contains(TRAIT)
        || ENTRY_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            && ENTRY_ENDS.iter().any(|end| name.ends_with(end))
}

/// Removes the innermost frames that [`is_allocator_frame`] knows from every stack.
pub(super) fn hide(profile: &mut Profile) {
    // Each name is looked at once: a long one may stand in very many places.
    let mut known: HashMap<StringId, bool> = HashMap::new();
    let mut is_hidden = |line: &Line| {
        let name = profile.functions[line.function.0 as usize].name;
        *known.entry(name).or_insert_with(|| is_allocator_frame(profile.strings.get(name)))
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
            "alloc::raw_vec::RawVecInner<A>::finish_grow",
            "alloc::boxed::Box<T,A>::try_new_uninit_in",
            "hashbrown::raw::alloc::inner::do_alloc",
        ] {
            assert!(is_allocator_frame(hidden), "{hidden}");
        }
        for visible in [
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "hashbrown::raw::RawTable<T,A>::reserve_rehash",
            "my_app::alloc::pool",
            "my_app::plant::finish_grow",
            "my_app::Cache::new_uninit_in",
            "__rust_begin_short_backtrace",
        ] {
            assert!(!is_allocator_frame(visible), "{visible}");
        }
    }
}
