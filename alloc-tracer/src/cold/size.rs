//! Amounts as people read them: bytes in binary units, counts with separators. Used by every report
//! and picture of the project; printing them does not allocate. Names nothing else of this crate.
//! Broken by: the tests below.

use core::fmt::{self, Write};
use core::str;

/// Bytes in binary units, for example `1.5 MiB`; below 1 KiB the exact number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub i64);

impl Bytes {
    /// An amount that cannot be negative; 2^63 and more count as the largest amount.
    pub fn unsigned(bytes: u64) -> Bytes {
        Bytes(i64::try_from(bytes).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let mut text = ShortText::default();
        if magnitude < 1024 {
            write!(text, "{sign}{magnitude} B")?;
            return f.pad(text.as_str());
        }
        let (mut value, mut unit) = (magnitude as f64 / 1024.0, 0);
        // 1023.95 KiB would be printed as 1024.0 KiB: it is 1.0 MiB.
        while value >= 1023.95 {
            value /= 1024.0;
            unit += 1;
        }
        write!(text, "{sign}{value:.1} {}", UNITS[unit])?;
        f.pad(text.as_str())
    }
}

/// A count with thousands separators, for example `12,345`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub i64);

impl From<usize> for Count {
    fn from(count: usize) -> Count {
        Count(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut digits, mut text) = (ShortText::default(), ShortText::default());
        write!(digits, "{}", self.0.unsigned_abs())?;
        text.write_str(if self.0 < 0 { "-" } else { "" })?;
        for (index, digit) in digits.as_str().chars().enumerate() {
            if index > 0 && (digits.len - index).is_multiple_of(3) {
                text.write_char(',')?;
            }
            text.write_char(digit)?;
        }
        f.pad(text.as_str())
    }
}

/// Text on the stack, long enough for the longest amount (26 bytes).
#[derive(Default)]
struct ShortText {
    bytes: [u8; 32],
    len: usize,
}

impl ShortText {
    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// A part of a whole in percent; 0 of nothing is 0.
pub fn percent(part: i64, whole: i64) -> f64 {
    match whole {
        0 => 0.0,
        _ => 100.0 * part as f64 / whole as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::std::string::ToString;

    #[test]
    fn bytes_change_units_at_1024_and_never_print_1024_of_one() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (-(3 << 20), "-3.0 MiB"),
            (i64::MAX, "8.0 EiB"),
            (i64::MIN, "-8.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn counts_have_separators_and_percentages_of_nothing_are_zero() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (-1234567, "-1,234,567")] {
            assert_eq!(Count(count).to_string(), text);
        }
        assert_eq!(Count(i64::MIN).to_string(), "-9,223,372,036,854,775,808");
        assert_eq!((percent(1, 4), percent(1, 0)), (25.0, 0.0));
    }
}
