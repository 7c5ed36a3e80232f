//! Text of strangers, made fit for a terminal: names come from binaries, paths and settings from
//! whoever started the program. Names only std. Broken by: `tests/terminal.rs`.

use super::std::prelude::rust_2024::*;

/// The text without characters that steer a terminal, end a line or reverse the reading direction; each
/// becomes U+FFFD.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}

fn is_harmful(c: char) -> bool {
    let reverses_text = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}');
    c.is_control() || reverses_text || matches!(c, '\u{2028}' | '\u{2029}')
}
