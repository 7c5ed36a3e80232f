//! Amounts as people read them: bytes in binary units, counts with separators.
//! Names nothing else of this crate. Broken by: the tests below.

use std::fmt;

/// Bytes in binary units, for example `1.5 MiB`; below 1 KiB the exact number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub i64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        if magnitude < 1024 {
            return f.pad(&format!("{sign}{magnitude} B"));
        }
        let (mut value, mut unit) = (magnitude as f64 / 1024.0, 0);
        // 1023.95 KiB would be printed as 1024.0 KiB: it is 1.0 MiB.
        while value >= 1023.95 {
            value /= 1024.0;
            unit += 1;
        }
        f.pad(&format!("{sign}{value:.1} {}", UNITS[unit]))
    }
}

/// A count with thousands separators, for example `12,345`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub i64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.unsigned_abs().to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3 + 2);
        if self.0 < 0 {
            text.push('-');
        }
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
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
