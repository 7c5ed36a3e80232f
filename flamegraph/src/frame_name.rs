//! Names of frames that cannot harm their reader: a terminal, an XML parser, a parser of folded
//! stacks. The only place that changes a name. Names nothing else of this crate.
//! Broken by: the tests below, `tests/svg_names.rs` and `tests/hostile_profiles.rs`.

use std::borrow::Cow;

/// Most bytes of a name that are shown. The longest names of real programs have some ten thousand.
pub(crate) const LONGEST_NAME: usize = 4096;

/// The name, or of a longer one both ends and how much is between: a file of a few bytes may hold a long
/// name and show it very often.
pub(crate) fn shortened(name: &str) -> Cow<'_, str> {
    if name.len() <= LONGEST_NAME {
        return Cow::Borrowed(name);
    }
    let begin = &name[..name.floor_char_boundary(LONGEST_NAME / 2)];
    let end = &name[name.ceil_char_boundary(name.len() - LONGEST_NAME / 2)..];
    let between = name.len() - begin.len() - end.len();
    Cow::Owned(format!("{begin}[... {between} bytes ...]{end}"))
}

/// The name without characters that steer a terminal, reverse the reading direction or are not
/// allowed in XML 1.0 (<https://www.w3.org/TR/xml/#charsets>); each becomes U+FFFD.
pub fn printable(name: &str) -> String {
    name.chars().map(|c| if is_harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The name as one frame of a folded stack: printable, never empty, without the separator `;` and
/// without an end that reads as a number of samples.
pub fn foldable(name: &str) -> String {
    // A comma reads as well as the semicolon in `[u8; 16]`, and only Rust's array types have one.
    let name = printable(name.trim()).replace(';', ",");
    if name.is_empty() {
        return "[unknown]".into();
    }
    // inferno takes a line that starts with `# ` for a comment.
    let name = match name.strip_prefix("# ") {
        Some(rest) => format!("#\u{a0}{rest}"),
        None => name,
    };
    match name.rsplit_once(' ') {
        // A no-break space looks the same and separates nothing.
        Some((front, end)) if end.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            format!("{front}\u{a0}{end}")
        }
        _ => name,
    }
}

/// Splits `parse::<Config>` into `parse` and `::<Config>`.
pub(crate) fn split_arguments(name: &str) -> Option<(&str, &str)> {
    if !name.ends_with('>') {
        return None;
    }
    let mut depth = 0_usize;
    for (at, byte) in name.bytes().enumerate().rev() {
        match byte {
            b'>' if at == 0 || name.as_bytes()[at - 1] != b'-' => depth += 1,
            b'<' => depth = depth.checked_sub(1)?,
            // Behind a name in a picture nothing may open a parenthesis: its script looks for the last.
            b'(' => return None,
            _ => {}
        }
        if depth == 0 {
            let function = name[..at].strip_suffix("::").filter(|function| !function.is_empty())?;
            return Some((function, &name[function.len()..]));
        }
    }
    None
}

fn is_harmful(c: char) -> bool {
    let reverses_text =
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
    let breaks_lines = matches!(c, '\u{2028}' | '\u{2029}');
    c.is_control() || reverses_text || breaks_lines || matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_or_breaks_xml_is_left() {
        assert_eq!(
            printable("a\x1b[31mb\x00\u{9b}c\u{202e}\u{ffff}"),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}c\u{fffd}\u{fffd}"
        );
        assert_eq!(printable("größe<T>::neu & --"), "größe<T>::neu & --");
    }

    #[test]
    fn a_foldable_name_is_one_frame_and_no_number() {
        for (name, frame) in [
            ("<[u8; 16] as Fill>::fill", "<[u8, 16] as Fill>::fill"),
            ("worker 12", "worker\u{a0}12"),
            ("worker 1.5", "worker\u{a0}1.5"),
            ("", "[unknown]"),
            (" \t", "[unknown]"),
            ("# note", "#\u{a0}note"),
            ("a b2", "a b2"),
            ("12", "12"),
        ] {
            assert_eq!(foldable(name), frame, "{name:?}");
        }
    }

    #[test]
    fn only_the_arguments_at_the_end_of_a_name_are_split_off() {
        for (name, split) in [
            ("serde::from::<R<F>, Config>", Some(("serde::from", "::<R<F>, Config>"))),
            ("map::<T>::call::<u8>", Some(("map::<T>::call", "::<u8>"))),
            ("run::<dyn Fn -> u8>", Some(("run", "::<dyn Fn -> u8>"))),
            ("größe::<Ω>", Some(("größe", "::<Ω>"))),
            ("run::<fn()>", None),
            ("<Vec<T> as Extend<T>>::extend", None),
            ("Vec<T>", None),
            ("::<T>", None),
            (">", None),
            ("ö>", None),
            ("->", None),
            ("Ω", None),
            ("", None),
        ] {
            assert_eq!(split_arguments(name), split, "{name}");
        }
    }
}
