//! Who may name whom: the floors of the tracer, the exporters, xtask. Names no wording and no size;
//! those are other tables.

use super::source::{Source, words};
use super::{Place, Rule};

const HOT: &str = "alloc-tracer/src/hot/";
const SYS: &str = "alloc-tracer/src/sys/";
/// The one file below `cold` that may name std, for `thread_local!`.
const THREAD_LOCAL: &str = "alloc-tracer/src/sys/thread_local.rs";

pub(super) const RULES: [Rule; 6] = [
    Rule {
        name: "hot-is-bare",
        applies_to: |path| path.starts_with(HOT) || path.starts_with(SYS),
        find: what_allocates_or_locks,
        why: "this code runs inside malloc, where it may neither allocate nor lock",
        instead: "use core, `sys` and fixed storage, or move the code to `cold/`",
    },
    Rule {
        name: "hot-never-names-cold",
        applies_to: |path| path.starts_with(HOT) || path.starts_with(SYS),
        find: |source| module(source, "cold"),
        why: "a lower floor never names a higher one",
        instead: "let `cold` read what `hot` offers",
    },
    Rule {
        name: "sys-never-names-hot",
        applies_to: |path| path.starts_with(SYS),
        find: |source| module(source, "hot"),
        why: "`sys` is the lowest floor and knows nobody above",
        instead: "pass what is needed as an argument",
    },
    Rule {
        name: "profile-knows-no-producer",
        applies_to: |path| path.starts_with("alloc-tracer/src/cold/profile/"),
        find: |source| module(source, "hot"),
        why: "the model serves profiles from anyone",
        instead: "convert in `cold`, beside the snapshot",
    },
    Rule {
        name: "exporters-know-profiles-only",
        applies_to: |path| path.starts_with("flamegraph/src/"),
        find: live_program,
        why: "an exporter must work on files from any producer",
        instead: "take a `Profile`",
    },
    Rule {
        name: "xtask-stands-alone",
        applies_to: |path| path == "xtask/Cargo.toml",
        find: path_dependencies,
        why: "xtask must build in seconds, and while our crates do not compile",
        instead: "run the built binary instead of linking its crate",
    },
];

fn what_allocates_or_locks(source: &Source) -> Vec<Place> {
    const TYPES: [&str; 8] = ["Vec", "Box", "String", "HashMap", "Mutex", "RwLock", "parking_lot", "std"];
    const MACROS: [&str; 5] = ["format", "print", "println", "eprint", "eprintln"];
    let code = &source.production;
    let is_macro = |word: &str, at: usize| code[at + word.len()..].starts_with('!');
    let types = TYPES.iter().filter(|word| **word != "std" || source.path != THREAD_LOCAL);
    let types = types.flat_map(|word| words(code, word).map(move |at| (at, format!("names `{word}`"))));
    let macros = MACROS.iter().flat_map(|word| {
        let calls = words(code, word).filter(|at| is_macro(word, *at));
        calls.map(move |at| (at, format!("calls `{word}!`")))
    });
    types.chain(macros).map(|(at, what)| source.place(at, what)).collect()
}

/// Where a module's name is a part of a path. `#[cold]` is none.
fn module(source: &Source, name: &str) -> Vec<Place> {
    let code = &source.production;
    let is_path = |at: usize| code[at + name.len()..].starts_with("::") || code[..at].ends_with("::");
    let found = words(code, name).filter(|at| is_path(*at));
    found.map(|at| source.place(at, format!("names `{name}`"))).collect()
}

fn live_program(source: &Source) -> Vec<Place> {
    const OF_A_LIVE_PROGRAM: [&str; 6] =
        ["AllocTracer", "stats", "Stats", "snapshot", "Snapshot", "set_mode"];
    let code = &source.production;
    let mut places = Vec::new();
    for (at, start) in code.match_indices("alloc_tracer::") {
        let path = &code[at + start.len()..];
        let path = &path[..path.find([';', '(']).unwrap_or(path.len())];
        for name in OF_A_LIVE_PROGRAM {
            if words(path, name).next().is_some() {
                places.push(source.place(at, format!("names `alloc_tracer::{name}`")));
            }
        }
    }
    places
}

fn path_dependencies(source: &Source) -> Vec<Place> {
    const OURS: [&str; 3] = ["alloc-tracer", "alloc-flamegraph", "demo-workloads"];
    let mut section = "";
    let mut places = Vec::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        if line.starts_with('[') {
            section = line.trim();
        }
        let is_ours = OURS.iter().any(|name| line.starts_with(name) || section.contains(name));
        if section.contains("dependencies") && (is_ours || words(line, "path").next().is_some()) {
            places.push(source.place(at, format!("depends on `{}`", line.trim())));
        }
        at += line.len();
    }
    places
}

#[cfg(test)]
mod tests {
    use super::super::broken;

    fn broken_in(path: &str, code: &str) -> Vec<&'static str> {
        broken(path, &format!("//! A noun.\n{code}\n"))
    }

    #[test]
    fn hot_and_sys_name_nothing_that_allocates() {
        for code in ["use std::mem;", "let a: Vec<u8>;", "fn a(b: &String) {}", "format!(a)", "println!()"] {
            assert_eq!(broken_in("alloc-tracer/src/hot/a.rs", code), ["hot-is-bare"], "{code}");
            assert_eq!(broken_in("alloc-tracer/src/sys/a.rs", code), ["hot-is-bare"], "{code}");
            assert_eq!(broken_in("alloc-tracer/src/cold/a.rs", code), [""; 0], "{code}");
        }
    }

    #[test]
    fn comments_tests_and_longer_names_are_no_violation() {
        let code = "// a Vec from std\nfn vec_format(a: &CString) {}\n#[cfg(test)]\nmod tests { use std::vec::Vec; }";
        assert_eq!(broken_in("alloc-tracer/src/hot/a.rs", code), [""; 0]);
    }

    #[test]
    fn one_file_of_sys_may_name_std_and_nothing_else_of_it() {
        let path = "alloc-tracer/src/sys/thread_local.rs";
        assert_eq!(broken_in(path, "std::thread_local! {}"), [""; 0]);
        assert_eq!(broken_in(path, "std::sync::Mutex"), ["hot-is-bare"]);
    }

    #[test]
    fn lower_floors_do_not_name_higher_ones() {
        let path = "alloc-tracer/src/sys/a.rs";
        assert_eq!(broken_in(path, "use crate::hot::guard;"), ["sys-never-names-hot"]);
        assert_eq!(broken_in(path, "use crate::cold;"), ["hot-never-names-cold"]);
        assert_eq!(broken_in(path, "#[cold]\nfn a(hot: u8) {}"), [""; 0]);
        assert_eq!(broken_in("alloc-tracer/src/hot/a.rs", "use crate::hot::guard;"), [""; 0]);
    }

    #[test]
    fn the_model_and_the_exporters_know_no_recorder() {
        let model = "alloc-tracer/src/cold/profile/a.rs";
        assert_eq!(broken_in(model, "use crate::hot::recorder;"), ["profile-knows-no-producer"]);
        assert_eq!(broken_in(model, "use super::Profile;"), [""; 0]);
        let exporter = "flamegraph/src/a.rs";
        for code in ["let a = alloc_tracer::stats();", "use alloc_tracer::{\n    Profile,\n    snapshot,\n};"]
        {
            assert_eq!(broken_in(exporter, code), ["exporters-know-profiles-only"], "{code}");
        }
        assert_eq!(broken_in(exporter, "use alloc_tracer::Profile;\nlet stats = 1;"), [""; 0]);
    }

    #[test]
    fn xtask_links_nothing_of_ours() {
        let manifest = |dependency: &str| format!("[dependencies]\nclap.workspace = true\n{dependency}\n");
        for dependency in [
            "a = { path = \"../a\" }",
            "alloc-tracer.workspace = true",
            "[dependencies.alloc-tracer]\nworkspace = true",
        ] {
            let found = broken("xtask/Cargo.toml", &manifest(dependency));
            assert_eq!(found.first(), Some(&"xtask-stands-alone"), "{dependency}");
        }
        assert_eq!(broken("xtask/Cargo.toml", &manifest("anyhow = \"1\"")), [""; 0]);
    }
}
