//! Amounts as people say them: bytes, counts, and parts of another amount.

const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];

/// Bytes: whole below 1 KiB, with one decimal above.
pub(super) fn in_binary_units(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 is where one decimal would round up to 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// The bytes of a text that begins as [`in_binary_units`] writes them.
pub(super) fn from_binary_units(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let (value, unit) = (words.next()?.parse::<f64>().ok()?, words.next()?);
    let power = if unit == "B" { 0 } else { UNITS.iter().position(|known| *known == unit)? + 1 };
    Some((value * 1024_f64.powi(power as i32)).round() as u64)
}

/// A count with its thousands apart.
pub(super) fn in_thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// How much of another amount it is: a percentage, or how many times as much.
pub(super) fn against(amount: u64, other: u64) -> String {
    let percent = percent(amount, other);
    match amount {
        0 if other == 0 => "0 %".to_owned(),
        _ if other == 0 => "0 before".to_owned(),
        _ if amount == other => "100 %".to_owned(),
        0 => "0 %".to_owned(),
        _ if percent < 0.1 => "< 0.1 %".to_owned(),
        _ if percent < 10.0 => format!("{percent:.1} %"),
        _ if percent < 1000.0 => format!("{percent:.0} %"),
        _ => format!("{:.0} times", percent / 100.0),
    }
}

/// Zero where there is nothing to be a part of.
pub(super) fn percent(amount: u64, of: u64) -> f64 {
    amount as f64 * 100.0 / of.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_never_show_1024_of_a_unit() {
        let shown = [0, 1023, 1024, (1 << 20) - 1, 153_092_112].map(in_binary_units);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "146.0 MiB"]);
    }

    #[test]
    fn what_was_written_is_read_to_the_decimal() {
        for bytes in [0, 1023, 1024, 3 << 20, 5 << 30] {
            assert_eq!(from_binary_units(&format!("{} more", in_binary_units(bytes))), Some(bytes));
        }
        assert_eq!(["", "7", "x MiB", "7 apples"].map(from_binary_units), [None; 4]);
    }

    #[test]
    fn counts_are_read_in_threes() {
        assert_eq!([0, 999, 1000, 1_234_567].map(in_thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn an_amount_against_another_never_says_nothing_of_what_is_there() {
        let shown = [(0, 0), (5, 0), (0, 7), (7, 7), (1, 5000), (1, 30), (999, 1000), (30, 2)]
            .map(|(amount, other)| against(amount, other));
        assert_eq!(shown, ["0 %", "0 before", "0 %", "100 %", "< 0.1 %", "3.3 %", "100 %", "15 times"]);
    }
}
