//! The environment variable `ALLOC_TRACER`: a list of `key=value`, in the style that users of
//! jemalloc know. A mistake is one clear line each; the program runs on with the rest.
//! Broken by: `tests/environment.rs` and the tests below.

use super::printable::printable;
use super::std::ffi::{OsStr, OsString};
use super::std::os::unix::ffi::{OsStrExt, OsStringExt};
use super::std::path::{Path, PathBuf};
use super::std::prelude::rust_2024::*;
use super::std::{env, format, vec};
use crate::hot::early_choice::VARIABLE;
use crate::hot::mode::Mode;
use crate::sys::environment;

/// What the environment asks for; what it does not mention is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) mode: Option<Mode>,
    /// Where profiles go; `%p` stands for the process id, `%n` for the profile's number.
    pub(crate) out: Option<PathBuf>,
    /// Whether that file carries symbols.
    pub(crate) without_symbols: bool,
    /// The signal that asks for a profile.
    pub(crate) signal: Option<libc::c_int>,
    /// The most bytes that the tracer may map for itself.
    pub(crate) max_memory_bytes: Option<u64>,
    /// Where the sampler's random numbers start.
    pub(crate) seed: Option<u64>,
    /// Whether every stack is walked twice and compared.
    pub(crate) checks_stacks: bool,
}

const KEYS: [&str; 9] =
    ["mode", "interval", "blocks", "out", "symbols", "signal", "max_memory", "seed", "check"];

/// The variable's value, unless the process runs with raised privileges.
pub(crate) fn variable() -> Option<OsString> {
    // SAFETY: runs in a constructor, before main.
    let value = unsafe { environment::variable(VARIABLE) }?;
    Some(OsStr::from_bytes(value).to_owned())
}

impl Config {
    /// Reads a value of the variable, in a program whose source asks for `in_source`; also one line for
    /// each mistake in it.
    pub(crate) fn parse(text: &OsString, in_source: Mode) -> (Config, Vec<String>) {
        let mut config = Config::default();
        let mut mistakes = Vec::new();
        let mut mode = None;
        let mut interval = None;
        for part in text.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if part.is_empty() {
                continue;
            }
            let (key, value) = match part.iter().position(|byte| *byte == b'=') {
                Some(at) => (&part[..at], &part[at + 1..]),
                None => (part, &b""[..]),
            };
            let (key, text) = (String::from_utf8_lossy(key), String::from_utf8_lossy(value));
            let mut wrong = |allowed: &str| {
                let text = shortened(&text);
                mistakes.push(format!("{VARIABLE}: {key}={text} is not understood; {key} takes {allowed}"));
            };
            match &*key {
                "mode" => match &*text {
                    "off" | "sampled" | "exact" => mode = Some(text.into_owned()),
                    _ => wrong("off, sampled or exact"),
                },
                "interval" => match parse_bytes(&text) {
                    Some(bytes) if bytes > 0 => interval = Some(bytes),
                    _ => wrong("a number of bytes such as 4096, 512k or 2m"),
                },
                // Was settled before the first block was handed out.
                "blocks" => match &*text {
                    "tagged" | "listed" => {}
                    _ => wrong("tagged or listed"),
                },
                "out" if value.is_empty() => wrong("a path such as heap-%p.pb.gz"),
                "out" => {
                    // A program may change its directory before the file is written.
                    let path = PathBuf::from(OsString::from_vec(value.to_vec()));
                    let here = env::current_dir().unwrap_or_default();
                    config.out = Some(if path.is_absolute() { path } else { here.join(path) });
                }
                "symbols" => match &*text {
                    "yes" => config.without_symbols = false,
                    "no" => config.without_symbols = true,
                    _ => wrong("yes or no"),
                },
                "signal" => match &*text {
                    "usr1" => config.signal = Some(libc::SIGUSR1),
                    "usr2" => config.signal = Some(libc::SIGUSR2),
                    _ => wrong("usr1 or usr2"),
                },
                "max_memory" => match parse_bytes(&text) {
                    Some(bytes) => config.max_memory_bytes = Some(bytes),
                    None => wrong("a number of bytes such as 256m"),
                },
                "seed" => match text.parse() {
                    Ok(seed) => config.seed = Some(seed),
                    Err(_) => wrong("a whole number"),
                },
                "check" => match &*text {
                    "stacks" => config.checks_stacks = true,
                    _ => wrong("stacks"),
                },
                _ => mistakes.push(unknown(&key)),
            }
        }
        if config.signal.is_some() && config.out.is_none() {
            mistakes
                .push(format!("{VARIABLE}: signal= needs a file to write, for example out=heap-%p-%n.pb.gz"));
            config.signal = None;
        }
        if let (Some("off" | "exact"), Some(_)) = (mode.as_deref(), interval) {
            mistakes.push(format!("{VARIABLE}: interval= has a meaning with mode=sampled only"));
        }
        config.mode = match (mode.as_deref(), interval) {
            (Some("off"), _) => Some(Mode::Off),
            (Some("exact"), _) => Some(Mode::Exact),
            (_, Some(interval_bytes)) => Some(Mode::Sampled { interval_bytes }),
            (Some(_), None) if matches!(in_source, Mode::Sampled { .. }) => Some(in_source),
            (Some(_), None) => Some(Mode::DEFAULT),
            (None, None) => None,
        };
        (config, mistakes)
    }
}

/// The beginning of a text, long enough to be known again, fit for a terminal.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", printable(&text[..end])),
        None => printable(text),
    }
}

fn unknown(key: &str) -> String {
    let key = &*shortened(key);
    let nearest = KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(key, known));
    let nearest = nearest.filter(|known| strsim::damerau_levenshtein(key, known) <= known.len() / 2 + 1);
    match nearest {
        Some(nearest) => format!("{VARIABLE}: unknown key {key:?}; did you mean {nearest:?}?"),
        None => format!("{VARIABLE}: unknown key {key:?}; known keys: {}", KEYS.join(", ")),
    }
}

/// A number of bytes with an optional binary unit: `512k`, `2m`, `1g`, also `512KiB` or `2MB`.
fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A path with `%p` replaced by the process id, `%n` by a number, and `%%` by a percent sign.
pub(crate) fn expand(path: &Path, process_id: u32, number: u32) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = path.as_os_str().as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (piece, after) = match (first, after.first()) {
            (b'%', Some(b'p')) => (format!("{process_id}").into_bytes(), &after[1..]),
            (b'%', Some(b'n')) => (format!("{number}").into_bytes(), &after[1..]),
            (b'%', Some(b'%')) => (vec![b'%'], &after[1..]),
            (byte, _) => (vec![*byte], after),
        };
        bytes.extend(piece);
        rest = after;
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hot::early_choice::EarlyChoice;

    fn parse(text: &str) -> (Config, Vec<String>) {
        Config::parse(&OsString::from(text), Mode::Sampled { interval_bytes: 77 })
    }

    #[test]
    fn what_the_documentation_shows_is_understood() {
        let (config, mistakes) = parse("mode=exact,out=heap-%p.pb.gz");
        assert_eq!(mistakes, Vec::<String>::new());
        assert_eq!(
            (config.mode, config.out),
            (Some(Mode::Exact), Some(env::current_dir().unwrap().join("heap-%p.pb.gz")))
        );
        let (config, _) = parse("mode=sampled,interval=512k,max_memory=256m,symbols=no,seed=7");
        assert_eq!(config.mode, Some(Mode::Sampled { interval_bytes: 512 << 10 }));
        assert_eq!(
            (config.max_memory_bytes, config.without_symbols, config.seed),
            (Some(256 << 20), true, Some(7))
        );
        assert_eq!(parse("mode=sampled").0.mode, Some(Mode::Sampled { interval_bytes: 77 }));
        assert_eq!(parse("interval=2MiB").0.mode, Some(Mode::Sampled { interval_bytes: 2 << 20 }));
    }

    #[test]
    fn a_mistyped_key_names_the_nearest_one_and_the_rest_still_holds() {
        let (config, mistakes) = parse("mod=exact,interva=4k,mode=off,zzzzzzzzzz=1");
        assert_eq!(config.mode, Some(Mode::Off));
        assert!(mistakes[0].contains("\"mode\"") && mistakes[1].contains("\"interval\""), "{mistakes:?}");
        assert!(mistakes[2].contains("known keys"), "{mistakes:?}");
    }

    #[test]
    fn a_bad_value_says_what_is_allowed() {
        for (text, allowed) in [
            ("mode=full", "off, sampled or exact"),
            ("interval=0", "512k"),
            ("out=", "path"),
            ("symbols=1", "yes or no"),
        ] {
            let (config, mistakes) = parse(text);
            assert_eq!(config, Config::default());
            assert!(mistakes.len() == 1 && mistakes[0].contains(allowed), "{mistakes:?}");
        }
    }

    #[test]
    fn the_first_operation_and_the_whole_reading_agree_about_exact_mode() {
        for text in [
            "",
            "mode=exact",
            "mode=off",
            "mode=exact,mode=sampled",
            " mode=exact ,out=a",
            "interval=4k",
            "mode=exact,interval=4k",
            "interval=0",
            "interval=512kb!",
            "mode=exakt",
            "out=mode=exact",
            "modes=exact",
            "mode=Exact",
            "seed=1",
        ] {
            for in_source in [Mode::Off, Mode::Exact, Mode::DEFAULT] {
                let early =
                    EarlyChoice { is_exact: in_source == Mode::Exact, waits: false, lists_blocks: false };
                let whole = Config::parse(&OsString::from(text), in_source).0.mode;
                let early = early.overridden_by(text.as_bytes());
                // A wrong interval is only found out later; then blocks of exact mode have no tags.
                if !text.contains("interval=0") && !text.contains('!') {
                    assert_eq!(early.is_exact, whole.unwrap_or(in_source) == Mode::Exact, "{text}");
                }
                assert!(early.waits || whole.is_none(), "{text}");
            }
        }
    }

    #[test]
    fn process_id_and_number_go_into_the_path() {
        assert_eq!(expand(Path::new("a/heap-%p-%n-%%p.gz"), 42, 3), PathBuf::from("a/heap-42-3-%p.gz"));
    }
}
