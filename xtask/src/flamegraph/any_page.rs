//! Whatever the demos say and whatever their functions are called, the page is HTML in the eyes of a tokenizer
//! that the product does not use, has no other elements and attributes than with harmless words, and
//! shows the words. Over the texts of the kept corpus of pictures and a fixed number of changes of it.

use super::demo_list::DemoEntry;
use super::demo_run::{DemoRun, Measure};
use super::folded::Folded;
use super::index_page::{Section, render};
use crate::repository;
use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Error, Token, Tokenizer};

#[path = "../../../alloc-tracer/src/properties/kept_inputs.rs"]
mod kept_inputs;

/// What the page is made of: the demo's name and words, what both runs print, and the frames of a stack.
#[derive(Clone)]
struct Words {
    demo: [String; 3],
    text: String,
    table: String,
    frames: Vec<String>,
}

impl Words {
    /// Texts end at bytes that are in no text.
    fn of(bytes: &[u8]) -> Words {
        let mut texts =
            bytes.split(|byte| *byte >= 0xfe).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut next = || texts.next().unwrap_or_default();
        let (demo, text, table) = ([next(), next(), next()], next(), next());
        Words { demo, text, table, frames: texts.take(20).collect() }
    }

    /// The same with nothing that could mean anything. Backticks mark code, and `main` is where a stack begins.
    fn harmless(&self) -> Words {
        let harmless = |text: &String| -> String {
            let means_nothing = |c: char| c.is_ascii_alphanumeric() || c == '`' || c == ':';
            text.chars().map(|c| if means_nothing(c) { c } else { 'x' }).collect()
        };
        Words {
            demo: self.demo.each_ref().map(harmless),
            text: harmless(&self.text),
            table: harmless(&self.table),
            frames: self.frames.iter().map(harmless).collect(),
        }
    }

    fn page(&self) -> String {
        let [name, keeps, explanation] = self.demo.clone();
        let stacks = || Folded { total_bytes: 9, heaviest_frames: self.frames.clone(), heaviest_bytes: 7 };
        let measure = |sample| Measure { sample, stacks: stacks(), table: self.table.clone() };
        let run = |variant: &str| DemoRun {
            demo: name.clone(),
            variant: variant.to_owned(),
            text: self.text.clone(),
            measures: ["inuse_space", "alloc_space"].map(measure).into(),
        };
        let runs = vec![run("leaky"), run("fixed")];
        let difference = Some(format!("{name}.diff.svg"));
        let demo = DemoEntry { name: name.clone(), keeps, explanation, ..DemoEntry::default() };
        render(&[Section { demo, runs, difference }], "exact").expect("every section has a page")
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
        let parts = words.demo[1..].iter().flat_map(|text| text.split('`'));
        let parts = parts.chain([words.demo[0].as_str(), words.text.trim_end(), words.table.trim_end()]);
        for text in parts {
            // HTML has one kind of line's end, and no U+0000.
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            let is_there = text.split('\0').all(|text| shown.contains(text));
            assert!(is_there, "{text:?} is not in {shown}");
        }
    });
}
