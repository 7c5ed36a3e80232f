//! How large the demos run: as they are meant to be read, a part of that, or so many of a demo's own unit.

use crate::UsageError;
use anyhow::Result;

/// The value of `--size`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Size {
    /// Each demo's own default.
    #[default]
    Usual,
    /// One part of so many of each demo's default.
    Part(u64),
    /// In the unit of the one demo that runs.
    Units(u64),
}

impl Size {
    /// Reads `20000` or `1/64`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (number, size): (_, fn(u64) -> Size) = match text.split_once('/') {
            Some(("1", parts)) => (parts, Size::Part),
            Some(_) => ("", Size::Part),
            None => (text, Size::Units),
        };
        match number.parse() {
            Ok(number @ 1..=1_000_000_000) => Ok(size(number)),
            _ => {
                Err("a size is a number of the demo's own unit, such as 20000, or a part, such as 1/64"
                    .into())
            }
        }
    }

    /// Refuses a number that several demos would count in different units.
    pub(super) fn check_for(self, demos: usize) -> Result<()> {
        match self {
            Size::Units(number) if demos > 1 => Err(UsageError(format!(
                "{demos} demos count their sizes in different units: give one `--demo`, or a part, `--size 1/64` \
                 instead of `--size {number}`"
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// What a demo is told.
    pub(super) fn of(self, usual: u64) -> u64 {
        match self {
            Size::Usual => usual,
            Size::Part(parts) => (usual / parts).max(1),
            Size::Units(number) => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_or_a_part() {
        assert_eq!(Size::parse("20000"), Ok(Size::Units(20_000)));
        assert_eq!(Size::parse("1/64"), Ok(Size::Part(64)));
        for wrong in ["", "0", "1/0", "2/3", "1/", "/2", "-1", "1/64/2", "many", "99999999999"] {
            assert!(Size::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_demo_is_told_at_least_one_of_its_unit() {
        assert_eq!([Size::Usual, Size::Part(64), Size::Units(7)].map(|size| size.of(16)), [16, 1, 7]);
    }

    #[test]
    fn a_number_of_units_is_for_one_demo() {
        assert!(Size::Units(7).check_for(1).is_ok() && Size::Part(7).check_for(30).is_ok());
        assert!(Size::Units(7).check_for(2).unwrap_err().is::<UsageError>());
    }
}
