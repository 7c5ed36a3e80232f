//! A file as the rules see it. Of Rust there are three views of the same length, so that a position
//! in one is a position in all: the text; the code, with comments and quoted text blanked; and the
//! production code, with the tests blanked too.

use std::fs;
use std::ops::Range;

use anyhow::{Context, Result};

use super::Place;
use crate::repository;

/// A file of the repository.
pub(super) struct Source {
    /// Relative to the repository's root.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// Empty where the file is no text.
    pub(super) text: String,
    /// For Rust, `text` without comments and without what stands in quotes; else `text`.
    pub(super) code: String,
    /// `code` without items under `#[cfg(test)]`.
    pub(super) production: String,
    tests: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn read(path: &str) -> Result<Self> {
        let bytes = fs::read(repository::root().join(path)).with_context(|| format!("cannot read {path}"))?;
        let size = bytes.len() as u64;
        let source = Source::new(path, &String::from_utf8(bytes).unwrap_or_default());
        Ok(Source { bytes: size, ..source })
    }

    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { without_comments_and_quotes(text) } else { text.to_owned() };
        let tests = if path.ends_with(".rs") { test_items(&code) } else { Vec::new() };
        let production = blanked(&code, &tests);
        let (path, bytes) = (path.to_owned(), text.len() as u64);
        Source { path, bytes, text: text.to_owned(), code, production, tests }
    }

    /// The whole text, comments and all, without the items under `#[cfg(test)]`.
    pub(super) fn text_without_tests(&self) -> String {
        blanked(&self.text, &self.tests)
    }

    /// A finding at a byte position of any view.
    pub(super) fn place(&self, position: usize, what: String) -> Place {
        let line = self.text.as_bytes()[..position].iter().filter(|byte| **byte == b'\n').count() + 1;
        Place { line, what }
    }
}

/// The positions of a name that is not a part of a longer one.
pub(super) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        !is_part(text[..*at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    })
}

fn without_comments_and_quotes(text: &str) -> String {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let skipped = comment(rest).or_else(|| quote(text, at)).unwrap_or(0);
        if skipped > 0 {
            ranges.push(at..at + skipped);
        }
        at += skipped.max(rest.chars().next().map_or(1, char::len_utf8));
    }
    blanked(text, &ranges)
}

/// The length of the comment that the text starts with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The length of the string or character literal at a position. A lifetime is none.
fn quote(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let is_inside_name = text[..at].chars().next_back().is_some_and(|l| l.is_alphanumeric() || l == '_');
    if !is_inside_name && rest.starts_with('r') {
        let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
        if rest[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = 2 + hashes;
            return Some(rest[open..].find(&end).map_or(rest.len(), |found| open + found + end.len()));
        }
    }
    let mut letters = rest.char_indices();
    let mark = letters.next().map(|(_, mark)| mark).filter(|mark| matches!(mark, '"' | '\''))?;
    if mark == '\'' {
        let mut ahead = rest.chars().skip(1);
        // 'a is a lifetime, 'a' and '\n' are characters.
        if ahead.next()? != '\\' && ahead.next()? != '\'' {
            return None;
        }
    }
    while let Some((offset, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            _ if letter == mark => return Some(offset + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// The items under `#[cfg(test)]`, from the attribute to the closing brace or the semicolon.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let attribute = "#[cfg(test)]";
    let items = code.match_indices(attribute).map(|(start, _)| {
        let mut depth = 0;
        for (offset, byte) in code[start..].bytes().enumerate().skip(attribute.len()) {
            match byte {
                b'{' => depth += 1,
                b'}' if depth > 1 => depth -= 1,
                b'}' => return start..start + offset + 1,
                b';' if depth == 0 => return start..start + offset + 1,
                _ => {}
            }
        }
        start..code.len()
    });
    items.collect()
}

/// The text with blanks in place of some parts; lines stay where they are.
fn blanked(text: &str, ranges: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        for byte in &mut bytes[range.clone()] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_quotes_are_blank_and_lines_stay() {
        let text = "a // b\n/* c /* d */ e */ f \"g \\\" h\" 'i' '\\'' &'j k r#\"l \" m\"# n";
        let code = Source::new("x.rs", text).code;
        assert_eq!(code.len(), text.len());
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "f", "&'j", "k", "n"]);
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn tests_are_no_production_code() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if c {} } }\n#[cfg(test)]\nuse d;\nfn e() {}";
        let source = Source::new("x.rs", text);
        assert_eq!(source.production.split_whitespace().collect::<String>(), "fna(){}fne(){}");
        assert!(source.code.contains("mod tests"));
    }

    #[test]
    fn a_word_is_no_part_of_a_name() {
        assert_eq!(words("std stdx xstd _std std::a (std)", "std").count(), 3);
    }

    #[test]
    fn a_file_that_is_no_rust_is_left_as_it_is() {
        assert_eq!(Source::new("a.md", "# it's // x").code, "# it's // x");
    }
}
