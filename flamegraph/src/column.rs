//! One column of a profile's values: which one, what it is called in words, how its amounts are
//! printed. Names the profile model and `size`. Broken by: `tests/cli_errors.rs` (unknown columns)
//! and every test that reads a title.

use alloc_tracer::Profile;

use crate::frame_name::printable;
use alloc_tracer::size::{Bytes, Count};

/// A column of a profile's values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Position among [`Profile::sample_types`].
    pub index: usize,
    /// Position of the column with the variances of the estimates in this one, if there is one, and
    /// what its unit is in squares of this column's.
    pub variance: Option<(usize, f64)>,
    /// The column's name in the file, for example `inuse_space`.
    pub name: String,
    unit: Unit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    Bytes,
    Count,
    Other(String),
}

/// A profile has no column of the name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no column `{asked}`; the file has {}", .available.join(", "))]
pub struct UnknownColumn {
    /// The name that was asked for.
    pub asked: String,
    /// The names of the file's columns, in the file's order.
    pub available: Vec<String>,
}

impl Column {
    /// The variance of a sample's estimate in this column, in squares of its unit; 0 where it is exact.
    pub fn variance_of(&self, values: &[i64]) -> f64 {
        self.variance.map_or(0.0, |(column, unit)| values[column].max(0) as f64 * unit)
    }

    /// The column of this name; without a name the one that viewers show first: the file's default,
    /// else `inuse_space`, else the last one as in pprof.
    ///
    /// # Errors
    /// If the profile has no such column; the error lists those that it has.
    pub fn find(profile: &Profile, name: Option<&str>) -> Result<Column, UnknownColumn> {
        let by_default = profile
            .column(profile.text(profile.default_sample_type))
            .or_else(|| profile.column("inuse_space"))
            .or_else(|| profile.sample_types.len().checked_sub(1));
        let found = match name {
            Some(name) => profile.column(name),
            None => by_default,
        };
        found.map(|index| Column::at(profile, index)).ok_or_else(|| UnknownColumn {
            asked: printable(name.unwrap_or_default()),
            available: profile
                .sample_types
                .iter()
                .map(|column| printable(profile.text(column.name)))
                .collect(),
        })
    }

    fn at(profile: &Profile, index: usize) -> Column {
        let unit = match profile.text(profile.sample_types[index].unit) {
            "bytes" | "byte" | "B" => Unit::Bytes,
            "count" | "" => Unit::Count,
            other => Unit::Other(printable(other)),
        };
        Column {
            index,
            variance: profile.variance_column(index),
            name: printable(profile.text(profile.sample_types[index].name)),
            unit,
        }
    }

    /// What the column holds, in words.
    pub fn words(&self) -> String {
        match self.name.as_str() {
            "inuse_space" => "Memory in use".into(),
            "alloc_space" => "Memory allocated in total".into(),
            "inuse_objects" => "Objects in use".into(),
            "alloc_objects" => "Objects allocated in total".into(),
            other => capitalised(&other.replace('_', " ")),
        }
    }

    /// What is counted: `bytes`, `objects`, or the file's own word.
    pub fn count_name(&self) -> String {
        match &self.unit {
            Unit::Bytes => "bytes".into(),
            Unit::Count if self.name.ends_with("_objects") || self.name == "objects" => "objects".into(),
            Unit::Count => self.name.clone(),
            Unit::Other(unit) => unit.clone(),
        }
    }

    /// An amount as people read it: `1.5 MiB`, `12,345`, `12,345 ms`.
    pub fn amount(&self, value: i64) -> String {
        match &self.unit {
            Unit::Bytes => Bytes(value).to_string(),
            Unit::Count => Count(value).to_string(),
            Unit::Other(unit) => format!("{} {unit}", Count(value)),
        }
    }

    /// A change with its sign: `+1.5 MiB`, `-3`, `0`.
    pub fn change(&self, value: i64) -> String {
        let sign = if value > 0 { "+" } else { "" };
        format!("{sign}{}", self.amount(value))
    }

    /// An amount to the last unit: `12,345 bytes`.
    pub fn exactly(&self, value: i64) -> String {
        format!("{} {}", Count(value), self.count_name())
    }

    /// An amount for people, and to the last unit where the former was rounded:
    /// `12.1 KiB (12,345 bytes)`.
    pub fn amount_and_exactly(&self, value: i64) -> String {
        match self.is_rounded(value) {
            true => format!("{} ({})", self.amount(value), self.exactly(value)),
            false => self.exactly(value),
        }
    }

    /// Whether [`amount`](Self::amount) leaves digits out.
    pub fn is_rounded(&self, value: i64) -> bool {
        self.unit == Unit::Bytes && value.unsigned_abs() >= 1024
    }
}

fn capitalised(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}
