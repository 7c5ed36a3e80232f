//! Any value of the environment variable is read to its end, what is wrong with it is said in lines that
//! cannot harm a terminal or a log, and the two readers of it agree about exact mode.

use crate::cold::config::{Config, expand};
use crate::cold::std::ffi::OsString;
use crate::cold::std::os::unix::ffi::{OsStrExt, OsStringExt};
use crate::cold::std::prelude::rust_2024::*;
use crate::hot::early_choice::{EarlyChoice, VARIABLE};
use crate::hot::mode::Mode;

/// The first byte chooses the mode in the program's source, the rest is the variable's value.
pub fn any_variable_is_read(bytes: &[u8]) {
    let (in_source, text) = match bytes.split_first() {
        Some((choice, text)) => (([Mode::Off, Mode::Exact, Mode::DEFAULT])[usize::from(*choice) % 3], text),
        None => (Mode::DEFAULT, bytes),
    };
    let (config, mistakes) = Config::parse(&OsString::from_vec(text.to_vec()), in_source);
    for line in &mistakes {
        assert!(line.starts_with(VARIABLE), "who speaks: {line:?}");
        assert!(!line.contains(char::is_control), "more than a line of text: {line:?}");
    }
    let parts = text.split(|byte| *byte == b',').filter(|part| !part.trim_ascii().is_empty()).count();
    assert!(mistakes.len() <= parts + 1, "{} mistakes in {parts} parts", mistakes.len());

    if let Some(path) = &config.out {
        assert!(path.is_absolute(), "{path:?}");
        let expanded = expand(path, 12_345, 67);
        let percents = path.as_os_str().as_bytes().iter().filter(|byte| **byte == b'%').count();
        let grown = expanded.as_os_str().len() as isize - path.as_os_str().len() as isize;
        // `%p` grows by three bytes here, `%n` by none, `%%` shrinks by one.
        assert!((-(percents as isize)..=3 * percents as isize).contains(&grown), "{expanded:?}");
    }
    assert!(config.signal.is_none() || config.out.is_some(), "a signal without a file to write");
    assert!(!matches!(config.mode, Some(Mode::Sampled { interval_bytes: 0 })), "an interval of nothing");

    let listed_in_source =
        EarlyChoice { is_exact: in_source == Mode::Exact, waits: false, lists_blocks: false };
    let early = listed_in_source.overridden_by(text);
    // A wrong interval is only found out later; then blocks of exact mode have no tags.
    let interval_is_wrong = mistakes.iter().any(|line| line.contains("interval="));
    if !interval_is_wrong {
        let is_exact = config.mode.unwrap_or(in_source) == Mode::Exact;
        assert_eq!(early.is_exact, is_exact, "whether blocks have tags: {text:?}");
    }
    assert!(early.waits || config.mode.is_none(), "records before the mode is known: {text:?}");
}
