//! Where a profile comes from, as far as it says so: the way of recording, the date, the program.
//! Reads comments and header fields of the profile model, never values. Broken by:
//! `tests/svg_titles.rs`.

use alloc_tracer::Profile;

use crate::frame_name::printable;
use alloc_tracer::size::{Bytes, Count};

/// Facts that stand under every title.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// `exact` or `sampled every 512 KiB`; empty if the file does not tell.
    pub mode: String,
    /// The date and time in UTC; empty if unknown.
    pub date: String,
    /// The program's file name; empty if unknown.
    pub program: String,
}

impl Origin {
    /// What the profile says about itself.
    pub fn of(profile: &Profile) -> Origin {
        Origin { mode: mode(profile), date: date(profile.time_nanos), program: program(profile) }
    }

    /// The known facts in one line.
    pub fn line(&self) -> String {
        let known = [&self.mode, &self.date, &self.program].into_iter().filter(|fact| !fact.is_empty());
        known.map(String::as_str).collect::<Vec<_>>().join(" · ")
    }
}

/// The tracer's first comment is `alloc-tracer VERSION, MODE`; other producers have a period.
fn mode(profile: &Profile) -> String {
    let first = profile.comments.first().map(|id| profile.text(*id)).unwrap_or_default();
    let ours = first.strip_prefix("alloc-tracer ").and_then(|rest| rest.split_once(", "));
    match ours {
        Some((_, mode)) => printable(mode.trim()),
        None if profile.period > 1 && profile.text(profile.period_type.unit) == "bytes" => {
            format!("sampled every {}", Bytes(profile.period)).replace(".0 ", " ")
        }
        None if profile.period > 1 => {
            let unit = printable(profile.text(profile.period_type.unit));
            format!("sampled every {} {unit}", Count(profile.period)).trim_end().to_owned()
        }
        None => String::new(),
    }
}

fn date(time_nanos: i64) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(time_nanos)) {
        Ok(time) if time_nanos > 0 => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        _ => String::new(),
    }
}

fn program(profile: &Profile) -> String {
    let path = profile.modules().first().map(|module| profile.text(module.path)).unwrap_or_default();
    printable(path.rsplit(['/', '\\']).next().unwrap_or_default())
}
