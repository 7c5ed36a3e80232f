//! A stranger's profile harms nobody who looks at it: no script or link gets into a picture, no control
//! character to a terminal, and a small file does not take up the machine.

mod hand_made;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use alloc_flamegraph::{Column, SvgOptions, write_svg, write_svg_diff};
use alloc_tracer::Profile;
use alloc_tracer::profile::{Function, Line, Location, Module};
use hand_made::{in_use, run, see, stderr, stdout, stored};
use quick_xml::Reader;
use quick_xml::events::Event;

const EVIL: &str = "evil\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{7f}\r\n\u{202e}txt\u{2066}\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}";

const INJECTIONS: [&str; 9] = [
    "</title></g></svg><script>alert(1)</script>",
    "\"/><a xlink:href=\"javascript:alert(1)\"><text onclick=\"alert(1)\">x</text></a>",
    "' onload='alert(1)' x='",
    "]]></script><script>alert(1)//",
    "&lt;script&gt;&#60;script&#62;&#x3c;script&#x3e;",
    "<!ENTITY x SYSTEM \"file:///etc/passwd\">&x;",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href=\"http://example.org/x.css\"?><!--",
    "<foreignObject><iframe src=\"http://example.org\"/></foreignObject>",
];

/// A profile that says the same harmful text wherever it can say anything.
fn saying(text: &str) -> Profile {
    let mut profile = in_use(&[(&["main", text], 1000), (&[text, "leaf"], 100)]);
    let id = profile.intern(text);
    let module = profile.add_module(Module { limit: 1 << 20, path: id, build_id: id, ..Module::default() });
    let address = Location { module: Some(module), address: 4096, ..Location::default() };
    let address = profile.add_location(address);
    profile.add_sample(&[address], &[10], &[]);
    let comment = format!("alloc-tracer 1, {text}");
    profile.set_comments([comment.as_str(), text]);
    profile.period_type.unit = id;
    profile
}

/// The elements of a picture with their attributes, but for the texts of the script that every picture has.
fn elements(svg: &[u8]) -> Vec<String> {
    let mut reader = Reader::from_reader(svg);
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Eof => return found,
            Event::Start(tag) | Event::Empty(tag) => {
                let attributes = tag.attributes().map(|attribute| attribute.unwrap());
                // Numbers and colours differ from frame to frame.
                let names = attributes.filter(|attribute| !attribute.key.as_ref().starts_with(b"fg:"));
                let names: Vec<_> =
                    names.map(|a| String::from_utf8(a.key.as_ref().to_vec()).unwrap()).collect();
                found.push(format!("{} {names:?}", String::from_utf8_lossy(tag.name().as_ref())));
            }
            Event::DocType(_) | Event::PI(_) | Event::CData(_) | Event::Comment(_) => {
                found.push("other".into())
            }
            _ => {}
        }
    }
}

#[test]
fn no_name_title_or_note_adds_an_element_an_attribute_or_a_reference_to_a_picture() {
    let draw = |text: &str| {
        let profile = saying(text);
        let column = Column::find(&profile, None).unwrap();
        let options = SvgOptions { title: Some(text.into()), ..SvgOptions::default() };
        let (mut plain, mut differing, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        write_svg(&profile, &column, &options, &mut plain).unwrap();
        write_svg_diff((&profile, &column), (&profile, &column), &options, &mut differing).unwrap();
        let mut nothing = in_use(&[]);
        let unit = nothing.intern(text);
        nothing.sample_types[0].name = unit;
        nothing.sample_types[0].unit = unit;
        write_svg(&nothing, &Column::find(&nothing, None).unwrap(), &options, &mut empty).unwrap();
        [plain, differing, empty]
    };
    let harmless = draw("harmless").map(|svg| elements(&svg));
    for text in INJECTIONS {
        for (svg, expected) in draw(text).iter().zip(&harmless) {
            see(svg);
            assert_eq!(&elements(svg), expected, "{text}");
        }
    }
}

fn assert_harmless(text: &str, what: &str) {
    let harmful = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\r')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}')
    };
    assert!(!text.contains(harmful), "{what}: {text:?}");
    assert!(!text.replace("\r\n", "").contains('\r'), "{what}: {text:?}");
}

/// Both outputs of the command, when they are a terminal.
#[cfg(target_os = "linux")]
fn on_terminal(arguments: &[&str]) -> String {
    use std::io::Read;
    // The multiplexer and the terminal that it makes (pty(7)).
    let multiplexer = std::fs::File::options().read(true).write(true).open("/dev/ptmx").unwrap();
    let (mut number, mut locked) = (0_u32, 0_i32);
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&multiplexer);
    // SAFETY: the descriptor is open, and both numbers are valid for the calls.
    unsafe {
        assert_eq!(libc::ioctl(descriptor, libc::TIOCSPTLCK, &raw mut locked), 0);
        assert_eq!(libc::ioctl(descriptor, libc::TIOCGPTN, &raw mut number), 0);
    }
    let terminal =
        std::fs::File::options().read(true).write(true).open(format!("/dev/pts/{number}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-flamegraph"));
    command.args(arguments).stdin(Stdio::null());
    let mut child = command.stdout(terminal.try_clone().unwrap()).stderr(terminal).spawn().unwrap();
    drop(command);
    let (mut bytes, mut multiplexer) = (Vec::new(), multiplexer);
    // A terminal whose last user has gone ends with an error.
    let _ = multiplexer.read_to_end(&mut bytes);
    child.wait().unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn nothing_that_a_profile_or_an_argument_says_steers_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let name = EVIL.replace(['\n', '\r'], "");
    let file = stored(directory.path(), &format!("{name}.pb.gz"), &saying(EVIL));
    let file = file.to_str().unwrap();
    let missing = format!("/{name}/nowhere");
    for arguments in [
        &["top", file][..],
        &["top", file, "--cum", "--focus", EVIL],
        &["diff", file, file],
        &["folded", file],
        &["svg", file, "--title", EVIL],
        &["symbolize", file, "--out", "/dev/null"],
        &["symbolize", file, "--binary", file],
        &["symbolize", file, "--binary", &missing],
        &["svg", file, "--out", &missing],
        &["top", file, "--sample", EVIL],
        &["top", &missing],
        &["top", file, "--max-size", "1"],
        &["top", file, "--max-size", EVIL],
        &["top", file, "--focus", "(\u{1b}[2J"],
        &["\u{1b}[2Jtop", file],
        &["top", file, EVIL],
        &["svg", file, "--root", EVIL],
    ] {
        let output = run(arguments);
        assert_harmless(&stdout(&output), "standard output");
        assert_harmless(&stderr(&output), "standard error");
        assert_harmless(&on_terminal(arguments), "terminal");
    }
    let lines = stdout(&run(&["folded", file]));
    assert_eq!(lines.lines().count(), 3, "one line a stack, whatever its names hold: {lines}");
}

/// Runs the command with little room; nothing here may need more.
#[cfg(unix)]
fn run_in(bytes: u64, arguments: &[&str]) -> Output {
    use std::os::unix::process::CommandExt;
    let limit = move || {
        let room = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: the limit is valid for the read.
        match unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const room) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-flamegraph"));
    // SAFETY: the closure makes one system call.
    unsafe { command.args(arguments).pre_exec(limit) };
    command.output().unwrap()
}

/// A long name, in a location with many lines, in a deep stack: each is harmless by itself.
fn multiplied(name_bytes: usize, lines: usize, depth: usize) -> Profile {
    let mut profile = in_use(&[]);
    let name = profile.intern(&"n".repeat(name_bytes));
    let function = profile.add_function(Function { name, ..Function::default() });
    let lines = vec![Line { function, line: 1, column: 0 }; lines];
    let location = profile.add_location(Location { lines, ..Location::default() });
    profile.add_sample(&vec![location; depth], &[1], &[]);
    profile
}

#[test]
fn a_small_file_does_not_take_up_the_machine() {
    let directory = tempfile::tempdir().unwrap();
    let too_deep = stored(directory.path(), "deep.pb.gz", &multiplied(10, 10_000, 10_000));
    let long_names = stored(directory.path(), "long.pb.gz", &multiplied(1 << 20, 1, 6_000));
    for file in [&too_deep, &long_names] {
        assert!(std::fs::metadata(file).unwrap().len() < 100_000, "packed it is small");
        let file = file.to_str().unwrap();
        for arguments in [&["top", file][..], &["diff", file, file], &["folded", file], &["svg", file]] {
            let output = run_in(2 << 30, arguments);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {}", output.status);
            assert!(stderr(&output).lines().count() <= 1, "{arguments:?}: {}", stderr(&output));
            assert!(stdout(&output).len() < 30 << 20, "{arguments:?}");
        }
    }
    let refused = run(&["top", too_deep.to_str().unwrap()]);
    assert!(stderr(&refused).contains("frames in a stack"), "{}", stderr(&refused));
    let shortened = stdout(&run(&["top", long_names.to_str().unwrap()]));
    assert!(shortened.contains("[... 1044480 bytes ...]") && shortened.len() < 10_000, "{}", shortened.len());
}

#[test]
fn a_picture_whose_names_need_too_much_room_is_refused() {
    let mut profile = multiplied(1 << 20, 1, 65_000);
    let stack = vec![alloc_tracer::profile::LocationId(0); 64_000];
    profile.add_sample(&stack, &[1], &[]);
    let column = Column::find(&profile, None).unwrap();
    let error = write_svg(&profile, &column, &SvgOptions::default(), &mut std::io::sink()).unwrap_err();
    assert!(error.to_string().contains("256 MiB"), "{error}");
}

#[test]
fn a_larger_profile_is_read_where_the_user_gives_it_room() {
    let directory = tempfile::tempdir().unwrap();
    let file = stored(directory.path(), "large.pb.gz", &multiplied(3 << 20, 1, 1));
    let file = file.to_str().unwrap();
    let refused = run(&["top", file, "--max-size", "2m"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("2097152 bytes") && stderr(&refused).contains("--max-size"));
    assert!(run(&["top", file, "--max-size", "4m"]).status.success());
    assert!(run(&["--max-size", "4m", "top", file]).status.success());
    for wrong in ["0", "4g", "x", "-1", "99999999999999999999", "1q"] {
        assert_eq!(run(&["top", file, "--max-size", wrong]).status.code(), Some(2), "{wrong}");
    }
    assert!(Path::new(file).exists());
}
