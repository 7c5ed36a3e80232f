//! Addresses of a real program get the names and lines that its source has: from the program
//! itself, from a separate debug file, from a symbol table alone, wherever it was loaded.

mod hand_made;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use alloc_flamegraph::symbolize;
use alloc_tracer::Profile;
use alloc_tracer::profile::{Location, Module};
use hand_made::{run, stderr, stored};
use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};

const SOURCE: &str = r#"
pub trait Fill { fn fill(&self) -> Vec<u8>; }
impl Fill for [u8; 16] {
    #[inline(never)]
    fn fill(&self) -> Vec<u8> { self.to_vec() }
}
#[inline(always)]
fn inlined(n: usize) -> Vec<u8> {
    std::hint::black_box(
        vec![1; n])
}
#[inline(never)]
pub fn outer_function(n: usize) -> Vec<u8> {
    let mut v = inlined(n);
    v.extend([0; 16].fill());
    v
}
fn main() { println!("{}", outer_function(std::env::args().count()).len()); }
"#;

/// Where the program is said to have been loaded.
const LOADED_AT: u64 = 0x5555_5555_4000;

struct Built {
    directory: tempfile::TempDir,
    program: PathBuf,
    build_id: String,
    /// Demangled names and link-time addresses, from the symbol table.
    functions: BTreeMap<String, (u64, u64)>,
    /// Address, offset in the file and size of the segment with the code.
    code: (u64, u64, u64),
}

fn build() -> Built {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("prog.rs");
    std::fs::write(&source, SOURCE).unwrap();
    let program = directory.path().join("prog");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let arguments = ["-g", "-C", "opt-level=1", "-C", "link-arg=-Wl,--build-id=sha1", "-o"];
    let status = Command::new(rustc).args(arguments).arg(&program).arg(&source).status().unwrap();
    assert!(status.success());
    let bytes = std::fs::read(&program).unwrap();
    let object = object::File::parse(&*bytes).unwrap();
    let functions = object
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .map(|symbol| {
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name().unwrap()));
            (name, (symbol.address(), symbol.size()))
        })
        .collect();
    let code = object.segments().find(|segment| segment.permissions().executable()).unwrap();
    let (offset, size) = code.file_range();
    let code = (code.address(), offset, size);
    let build_id = object.build_id().unwrap().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    Built { directory, program, build_id, functions, code }
}

impl Built {
    fn function(&self, part: &str) -> (u64, u64) {
        let found = self.functions.iter().find(|(name, _)| name.contains(part));
        *found.unwrap_or_else(|| panic!("{part} among {:?}", self.functions.keys())).1
    }

    /// A profile with every fourth byte of a function as an address, as the kernel maps code: the
    /// range of one segment, at an address of which only the page offset is the linker's.
    fn profile(&self, path: &Path, part: &str) -> Profile {
        let (address, offset, size) = self.code;
        let page = |value: u64| value & !0xfff;
        let module = Module {
            start: LOADED_AT + page(address),
            limit: LOADED_AT + address + size,
            file_offset: page(offset),
            ..Module::default()
        };
        self.profile_in(module, path, part)
    }

    fn profile_in(&self, mut module: Module, path: &Path, part: &str) -> Profile {
        let mut profile = Profile::new();
        profile.declare_heap_columns(false);
        module.path = profile.intern(path.to_str().unwrap());
        module.build_id = profile.intern(&self.build_id);
        let module = profile.add_module(module);
        let (start, size) = self.function(part);
        for address in (start..start + size).step_by(4) {
            let location =
                Location { module: Some(module), address: LOADED_AT + address, ..Location::default() };
            let id = profile.add_location(location);
            profile.add_sample(&[id], &[1, 10, 1, 10], &[]);
        }
        profile
    }
}

/// Function, file name and line of every frame, with the addresses' own function outermost.
fn frames(profile: &Profile) -> Vec<Vec<(String, String, i64)>> {
    let each = profile.locations().iter().map(|location| {
        let lines = location.lines.iter().map(|line| {
            let function = profile.function(line.function);
            let file = profile.text(function.file).rsplit('/').next().unwrap();
            (profile.text(function.name).to_owned(), file.to_owned(), line.line)
        });
        lines.collect()
    });
    each.collect()
}

fn assert_named_from_debug_info(profile: &Profile) {
    let frames = frames(profile);
    assert!(!frames.is_empty());
    let mut in_source = 0;
    for lines in &frames {
        let (name, file, line) = lines.last().expect("every address has a name");
        assert_eq!(name, "prog::outer_function");
        // An optimised instruction may bear no line, or one of another file.
        if file == "prog.rs" && *line > 0 {
            assert!((13..=17).contains(line), "{lines:?}");
            in_source += 1;
        }
    }
    assert!(in_source * 2 > frames.len(), "{in_source} of {}", frames.len());
    let inlined = frames.iter().find_map(|lines| lines.iter().find(|line| line.0 == "prog::inlined"));
    let (_, file, line) = inlined.expect("an address inside the inlined function");
    assert_eq!(file, "prog.rs");
    assert!((8..=11).contains(line));
    for function in profile.functions() {
        let (name, system_name) = (profile.text(function.name), profile.text(function.system_name));
        assert!(name != system_name || !name.contains("::"), "{name}");
        assert!(!name.contains("::h0") && !name.starts_with('_'), "no hash, no mangled name: {name}");
    }
    let symbolised = profile.modules()[0].symbolised;
    assert!(
        symbolised.functions && symbolised.filenames && symbolised.line_numbers && symbolised.inline_frames
    );
}

#[test]
fn the_program_itself_names_its_addresses_with_inlined_frames_and_lines() {
    let built = build();
    let mut profile = built.profile(&built.program, "outer_function");
    let outcome = symbolize(&mut profile, &[]).unwrap();
    assert_eq!((outcome.unresolved, outcome.missing.len()), (0, 0), "{outcome:?}");
    assert_named_from_debug_info(&profile);
}

#[test]
fn a_method_of_a_trait_keeps_a_name_that_differs_from_the_linkers() {
    let built = build();
    let mut profile = built.profile(&built.program, "Fill>::fill");
    symbolize(&mut profile, &[]).unwrap();
    let outermost = profile.locations()[0].lines.last().unwrap();
    let function = profile.function(outermost.function);
    assert_eq!(profile.text(function.name), "<[u8; 16] as prog::Fill>::fill");
    assert!(profile.text(function.system_name).starts_with("_"));
}

#[test]
fn a_range_over_all_segments_is_understood_too() {
    let built = build();
    let (address, _, size) = built.code;
    let whole = Module { start: LOADED_AT, limit: LOADED_AT + address + size + 0x5000, ..Module::default() };
    let mut profile = built.profile_in(whole, &built.program, "outer_function");
    symbolize(&mut profile, &[]).unwrap();
    assert_named_from_debug_info(&profile);
}

#[test]
fn a_program_that_has_moved_is_given_by_hand() {
    let built = build();
    let mut profile = built.profile(Path::new("/nowhere/prog"), "outer_function");
    let outcome = symbolize(&mut profile.clone(), &[]).unwrap();
    assert_eq!(outcome.resolved, 0);
    assert_eq!(
        (outcome.missing[0].path.as_str(), &outcome.missing[0].build_id),
        ("/nowhere/prog", &built.build_id)
    );
    symbolize(&mut profile, std::slice::from_ref(&built.program)).unwrap();
    assert_named_from_debug_info(&profile);
}

#[test]
fn a_stripped_program_needs_its_debug_file_and_that_is_enough() {
    let built = build();
    let path = |name: &str| built.directory.path().join(name);
    let (stripped, debug, symbols) = (path("stripped"), path("prog.debug"), path("symbols"));
    let objcopy = |option: &str, to: &Path| {
        Command::new("objcopy")
            .arg(option)
            .arg(&built.program)
            .arg(to)
            .status()
            .is_ok_and(|status| status.success())
    };
    if !(objcopy("--strip-all", &stripped)
        && objcopy("--only-keep-debug", &debug)
        && objcopy("--strip-debug", &symbols))
    {
        // Past `eprintln!`, which the harness hides of tests that pass.
        return std::io::stderr()
            .write_all(b"symbolize_binary: skipped, objcopy is not installed\n")
            .unwrap();
    }
    let mut alone = built.profile(&stripped, "outer_function");
    let outcome = symbolize(&mut alone, &[]).unwrap();
    assert_eq!(outcome.resolved, 0);
    assert!(outcome.missing[0].reason.contains("names"), "{outcome:?}");

    for module_path in [&stripped, Path::new("/nowhere/prog")] {
        let mut profile = built.profile(module_path, "outer_function");
        symbolize(&mut profile, std::slice::from_ref(&debug)).unwrap();
        assert_named_from_debug_info(&profile);
    }

    let mut profile = built.profile(&symbols, "outer_function");
    symbolize(&mut profile, &[]).unwrap();
    for lines in frames(&profile) {
        assert_eq!(lines, [("prog::outer_function".to_owned(), String::new(), 0)]);
    }
    let symbolised = profile.modules()[0].symbolised;
    assert!(symbolised.functions && !symbolised.line_numbers && !symbolised.inline_frames);
}

#[test]
fn a_binary_of_another_build_is_refused_with_both_build_ids() {
    let built = build();
    let mut profile = built.profile(&built.program, "outer_function");
    let other_id = "00112233445566778899aabbccddeeff00112233";
    let id = profile.intern(other_id);
    profile.module_mut(alloc_tracer::profile::ModuleId(0)).build_id = id;
    let error =
        symbolize(&mut profile.clone(), std::slice::from_ref(&built.program)).unwrap_err().to_string();
    assert!(error.contains(other_id) && error.contains(&built.build_id), "{error}");

    let file = stored(built.directory.path(), "heap.pb.gz", &profile);
    let out = built.directory.path().join("named.pb.gz");
    let arguments = ["symbolize".as_ref(), file.as_os_str(), "--out".as_ref(), out.as_os_str()];
    let output = run(&arguments);
    assert!(output.status.success());
    assert!(
        stderr(&output).contains(other_id) && stderr(&output).contains("--binary"),
        "{}",
        stderr(&output)
    );
    let written = Profile::read_pprof(std::fs::File::open(&out).unwrap()).unwrap();
    assert_eq!(written.total(3), profile.total(3));

    let with_binary = [&arguments[..], &["--binary".as_ref(), built.program.as_os_str()]].concat();
    let output = run(&with_binary);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(other_id) && stderr(&output).contains(&built.build_id));
    let text = run(&["symbolize".as_ref(), file.as_os_str(), "--binary".as_ref(), file.as_os_str()]);
    assert!(stderr(&text).contains("not a binary"), "{}", stderr(&text));
}

#[cfg(unix)]
#[test]
fn a_path_from_a_strangers_profile_is_opened_only_if_it_is_a_file() {
    let built = build();
    let mut profile = built.profile(Path::new("/dev/zero"), "outer_function");
    let outcome = symbolize(&mut profile, &[]).unwrap();
    assert!(outcome.missing[0].reason.contains("not a regular file"), "{outcome:?}");
}
