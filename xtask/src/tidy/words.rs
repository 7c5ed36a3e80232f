//! What must not be written: unfinished work, exceptions without a reason, unsafe code without an
//! argument, addresses of one machine.
//! The needles are put together from parts, or this file would break its own rules.

use super::source::{Source, words};
use super::{Place, Rule};

const IN_SOURCE_OR_DOCS: [&str; 8] = [".rs", ".md", ".toml", ".jinja", ".sh", ".py", ".yml", ".html"];
/// How far above its block a SAFETY comment may begin to end.
const SAFETY_LINES: usize = 4;

pub(super) const RULES: [Rule; 5] = [
    Rule {
        name: "nothing-is-unfinished",
        applies_to: is_source_or_doc,
        find: unfinished,
        why: "what is in the repository works",
        instead: "finish it, or leave it out and say so in the documentation's limits",
    },
    Rule {
        name: "exceptions-have-a-reason",
        applies_to: is_rust,
        find: exceptions_without_reason,
        why: "the next reader cannot tell whether it is still needed",
        instead: "add `reason = \"...\"`, or remove the cause of the lint",
    },
    Rule {
        name: "unsafe-has-an-argument",
        applies_to: is_rust,
        find: unsafe_without_argument,
        why: "nobody can check what nobody claims",
        instead: "answer each point of the callee's `# Safety` in a SAFETY comment right above the block",
    },
    Rule {
        name: "no-machine-paths",
        applies_to: |path| is_source_or_doc(path) && !path.contains("/tests/"),
        find: |source| {
            needles(source, &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/tm", "p/")], "the path")
        },
        why: "it exists on one machine only",
        instead: "use a path below the repository, `target/` or an argument",
    },
    Rule {
        name: "no-registry-hosts",
        applies_to: |path| !path.ends_with(".lock") && !path.ends_with("-lock.json"),
        find: |source| {
            const HOSTS: [&str; 6] = [
                concat!("crates", ".io"),
                concat!("npmjs", ".org"),
                concat!("pypi", ".org"),
                concat!("pythonhosted", ".org"),
                concat!("proxy.golang", ".org"),
                concat!("rsproxy", ".cn"),
            ];
            needles(source, &HOSTS, "the host")
        },
        why: "where packages come from is the user's setting, and lock files hold the rest",
        instead: "name the package only",
    },
];

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn is_source_or_doc(path: &str) -> bool {
    IN_SOURCE_OR_DOCS.iter().any(|end| path.ends_with(end)) || path.starts_with(".ci/")
}

fn unfinished(source: &Source) -> Vec<Place> {
    const MACROS: [&str; 2] = ["todo", "unimplemented"];
    const MARKS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
    let code = if is_rust(&source.path) { source.code.as_str() } else { "" };
    let is_macro = |name: &str, at: usize| code[at + name.len()..].starts_with('!');
    let macros = MACROS.iter().flat_map(|name| {
        let calls = words(code, name).filter(|at| is_macro(name, *at));
        calls.map(move |at| source.place(at, format!("calls `{name}!`")))
    });
    let marks = MARKS
        .iter()
        .flat_map(|mark| words(&source.text, mark).map(move |at| source.place(at, format!("says {mark}"))));
    macros.chain(marks).collect()
}

fn exceptions_without_reason(source: &Source) -> Vec<Place> {
    let mut places = Vec::new();
    for lint in ["allow", "expect"] {
        for at in words(&source.code, lint) {
            let (before, attribute) = source.code.split_at(at);
            let is_attribute = before.ends_with("#[") || before.ends_with("#![");
            let attribute = &attribute[..attribute.find(']').unwrap_or(attribute.len())];
            if is_attribute && words(attribute, "reason").next().is_none() {
                places.push(source.place(at, format!("has `#[{lint}]` without a reason")));
            }
        }
    }
    places
}

fn unsafe_without_argument(source: &Source) -> Vec<Place> {
    let lines: Vec<&str> = source.text.lines().collect();
    let blocks = words(&source.code, "unsafe").filter(|at| {
        let after = source.code[at + "unsafe".len()..].trim_start();
        after.starts_with('{')
    });
    let places = blocks.map(|at| source.place(at, "has an unsafe block without a SAFETY comment".to_owned()));
    // The fifth line above is the first that is too far.
    let is_argued = |line: usize| {
        let above = &lines[line.saturating_sub(1 + SAFETY_LINES)..line.min(lines.len())];
        above.iter().any(|text| text.contains("SAFETY:"))
    };
    places.filter(|place| !is_argued(place.line)).collect()
}

fn needles(source: &Source, needles: &[&str], kind: &str) -> Vec<Place> {
    let text = source.text_without_tests();
    let found = needles.iter().flat_map(|needle| {
        text.match_indices(needle)
            .map(|(at, _)| source.place(at, format!("names {kind} `{needle}`")))
            .collect::<Vec<_>>()
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::super::broken;

    fn broken_in(code: &str) -> Vec<&'static str> {
        broken("a/src/b.rs", &format!("//! B.\n{code}\n"))
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_comments() {
        assert_eq!(broken_in("fn a() { todo!() }"), ["nothing-is-unfinished"]);
        assert_eq!(broken_in(concat!("// FIX", "ME: later")), ["nothing-is-unfinished"]);
        assert_eq!(broken("a.md", concat!("XX", "X")), ["nothing-is-unfinished"]);
        assert_eq!(broken_in("// todo!() is denied\nlet todo = \"todo!\";"), [""; 0]);
    }

    #[test]
    fn an_exception_needs_a_reason() {
        assert_eq!(broken_in("#[allow(dead_code)]\nfn a() {}"), ["exceptions-have-a-reason"]);
        assert_eq!(broken_in("#![expect(\n    dead_code\n)]"), ["exceptions-have-a-reason"]);
        assert_eq!(broken_in("#[allow(dead_code, reason = \"read by the debugger\")]\nfn a() {}"), [""; 0]);
    }

    #[test]
    fn an_unsafe_block_needs_a_comment_close_above() {
        assert_eq!(broken_in("let a = unsafe { b() };"), ["unsafe-has-an-argument"]);
        assert_eq!(broken_in("// SAFETY: far.\n\n\n\n\nlet a = unsafe { b() };"), ["unsafe-has-an-argument"]);
        assert_eq!(broken_in("// SAFETY: b needs nothing.\nlet a = unsafe { b() };"), [""; 0]);
        assert_eq!(broken_in("// SAFETY: b\n// and\n// and\n// so on.\nunsafe {\n    b()\n}"), [""; 0]);
        assert_eq!(broken_in("unsafe fn a() {}\n// unsafe { }"), [""; 0]);
    }

    #[test]
    fn paths_of_one_machine_are_found_outside_tests() {
        let path = concat!("/ho", "me/me/a");
        assert_eq!(broken_in(&format!("const A: &str = \"{path}\";")), ["no-machine-paths"]);
        assert_eq!(broken("a.md", &format!("see {path}")), ["no-machine-paths"]);
        assert_eq!(broken_in(&format!("#[cfg(test)]\nmod tests {{ const A: &str = \"{path}\"; }}")), [""; 0]);
        assert_eq!(broken("a/tests/b.rs", &format!("//! B.\nconst A: &str = \"{path}\";")), [""; 0]);
    }

    #[test]
    fn registries_are_named_in_lock_files_only() {
        let host = concat!("index.crates", ".io");
        assert_eq!(broken("a.toml", host), ["no-registry-hosts"]);
        assert_eq!(broken("Cargo.lock", host), [""; 0]);
    }
}
