//! Whatever the demos say and whatever their functions are called, the page is HTML in the eyes of a tokenizer
//! that the product does not use, has no other elements and attributes than with harmless words, and
//! shows the words. Over the texts of the kept corpus of pictures and a fixed number of changes of it.

use super::code_lines::{CodeLine, Role};
use super::demo_list::DemoEntry;
use super::demo_run::{DemoRun, Measure};
use super::folded::Folded;
use super::gallery::Section;
use super::index_page::render;
use super::picture::Picture;
use super::size::Size;
use super::totals::{Figure, Totals};
use super::viewer::DRAWN;
use crate::repository;
use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Error, Token, Tokenizer};

#[path = "../../../alloc-tracer/src/properties/kept_inputs.rs"]
mod kept_inputs;

/// A demo in two runs that are drawn and one that is not, each with the same sums.
pub(super) fn section(name: &str, bytes: u64) -> Section {
    let picture = |file: String| Picture { file, width: 640, height: 200 };
    let stacks =
        || Folded { total: bytes, heaviest_frames: vec!["main".into(), "a".into()], heaviest: bytes };
    let run = |variant: &str, drawn: &[&'static str]| {
        let measure = |sample: &&'static str| Measure {
            sample,
            picture: picture(format!("{name}.{variant}.{sample}.svg")),
            stacks: stacks(),
            table: "flat".to_owned(),
        };
        DemoRun {
            demo: name.to_owned(),
            variant: variant.to_owned(),
            text: String::new(),
            totals: Totals {
                held_bytes: bytes,
                held_blocks: 1,
                allocated_bytes: bytes,
                allocations: 1,
                ..Totals::default()
            },
            measures: drawn.iter().map(measure).collect(),
        }
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let demo = DemoEntry {
        name: name.to_owned(),
        row: "D1".to_owned(),
        group: "D. Maps".to_owned(),
        variants: names(&["leaky", "fixed", "shrink", "drop"]),
        leaks: names(&["leaky"]),
        ..DemoEntry::default()
    };
    let runs = vec![run("leaky", &DRAWN), run("fixed", &DRAWN), run("drop", &[])];
    Section { demo, runs, drawn: vec![0, 1], difference: Some(picture(format!("{name}.diff.svg"))) }
}

/// What the page is made of.
#[derive(Clone)]
struct Words {
    /// What names the demo: its name, row, group, unit, and variants.
    names: [String; 6],
    /// What it states, of which most begin with a capital letter on the page.
    title: String,
    statements: [String; 5],
    /// What both runs print, and the tables below their pictures.
    text: String,
    table: String,
    code: [String; 3],
    frames: Vec<String>,
}

impl Words {
    /// Texts end at bytes that are in no text.
    fn of(bytes: &[u8]) -> Words {
        let mut texts =
            bytes.split(|byte| *byte >= 0xfe).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut next = || texts.next().unwrap_or_default();
        Words {
            statements: std::array::from_fn(|_| next()),
            title: next(),
            text: next(),
            table: next(),
            names: std::array::from_fn(|_| next()),
            code: std::array::from_fn(|_| next()),
            frames: texts.take(20).collect(),
        }
    }

    /// The same with nothing that could mean anything. Backticks mark code, and `main` is where a stack begins.
    fn harmless(&self) -> Words {
        let harmless = |text: &String| -> String {
            let means_nothing = |c: char| c.is_ascii_alphanumeric() || c == '`' || c == ':';
            text.chars().map(|c| if means_nothing(c) { c } else { 'x' }).collect()
        };
        Words {
            names: self.names.each_ref().map(harmless),
            title: harmless(&self.title),
            statements: self.statements.each_ref().map(harmless),
            text: harmless(&self.text),
            table: harmless(&self.table),
            code: self.code.each_ref().map(harmless),
            frames: self.frames.iter().map(harmless).collect(),
        }
    }

    fn page(&self) -> String {
        let [name, row, group, size_unit, leak, fix] = self.names.clone();
        let [kept, why, inuse_space, alloc_space, fix_words] = self.statements.clone();
        let mut section = section(&name, 9);
        for run in &mut section.runs {
            run.text.clone_from(&self.text);
            for measure in &mut run.measures {
                measure.table.clone_from(&self.table);
                measure.stacks.heaviest_frames.clone_from(&self.frames);
            }
        }
        section.runs[0].variant.clone_from(&leak);
        section.runs[2].variant.clone_from(&fix);
        let roles = [Role::Plain, Role::Leak, Role::Fix];
        let code = self.code.iter().zip(roles).map(|(text, role)| CodeLine { text: text.clone(), role });
        section.demo = DemoEntry {
            name,
            row,
            group,
            keeps: self.title.clone(),
            kept,
            why,
            inuse_space,
            alloc_space,
            fix: fix_words,
            figure: Figure::AtPeak,
            variants: vec![leak.clone(), "fixed".to_owned(), fix],
            leaks: vec![leak],
            default_size: 1,
            size_unit,
            is_core: true,
            code: code.collect(),
        };
        render(&[section], "exact", Size::Usual).expect("every section has a page")
    }

    /// The texts as they stand on the page, in pieces.
    fn shown(&self) -> Vec<String> {
        let but_the_first = |text: &String| text.chars().skip(1).collect::<String>();
        let marked = self.statements.iter().map(but_the_first).chain([self.title.clone()]);
        let mut shown: Vec<String> =
            marked.flat_map(|text| text.split('`').map(str::to_owned).collect::<Vec<_>>()).collect();
        shown.extend([self.text.trim_end().to_owned(), self.table.trim_end().to_owned()]);
        shown.extend(self.names.iter().chain(&self.code).cloned());
        shown
    }
}

/// Elements with the names of their attributes, and all text and attributes' values.
fn parse(page: &str) -> (Vec<String>, String) {
    let mut emitter = DefaultEmitter::<()>::default();
    emitter.naively_switch_states(true);
    let (mut elements, mut shown) = (Vec::new(), String::new());
    for token in Tokenizer::new_with_emitter(page, emitter) {
        match token.expect("a text is read without errors") {
            Token::StartTag(tag) => {
                let names: Vec<&[u8]> = tag.attributes.keys().map(|name| &***name).collect();
                elements.push(format!("<{:?} {names:?}>", tag.name));
                for value in tag.attributes.values() {
                    shown.push_str(&String::from_utf8_lossy(&value.value));
                    shown.push('\n');
                }
            }
            Token::EndTag(tag) => elements.push(format!("</{:?}>", tag.name)),
            Token::String(text) => shown.push_str(&String::from_utf8_lossy(&text.value)),
            Token::Comment(_) => elements.push("comment".to_owned()),
            Token::Doctype(_) => elements.push("doctype".to_owned()),
            // Characters that a program printed and no browser shows.
            Token::Error(error) => assert!(
                matches!(
                    error.value,
                    Error::UnexpectedNullCharacter
                        | Error::ControlCharacterInInputStream
                        | Error::NoncharacterInInputStream
                ),
                "{:?} in {page}",
                error.value
            ),
        }
    }
    (elements, shown)
}

#[test]
fn no_word_of_a_demo_or_name_of_a_function_breaks_out_of_the_page_or_is_lost_in_it() {
    let corpus = repository::root().join("flamegraph/fuzz/corpus/any_stacks_are_drawn");
    kept_inputs::each_input(&corpus, 500, 512, |bytes| {
        let words = Words::of(bytes);
        let ((elements, shown), (harmless, _)) = (parse(&words.page()), parse(&words.harmless().page()));
        assert_eq!(elements, harmless, "elements that nobody wrote");
        for text in words.shown() {
            // HTML has one kind of line's end, and no U+0000.
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            let is_there = text.split('\0').all(|text| shown.contains(text));
            assert!(is_there, "{text:?} is not in {shown}");
        }
    });
}
