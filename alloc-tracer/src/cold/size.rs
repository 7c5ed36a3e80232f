//! Bytes as people read them, in binary units. Broken by: the tests below.

use core::fmt;

use super::std::prelude::rust_2024::*;

/// Prints as `0 B`, `1023 B`, `1.5 KiB`, `149.5 MiB`, `2.0 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut size = self.0 as f64 / 1024.0;
        let mut units = UNITS.iter();
        let mut unit = units.next().unwrap_or(&"");
        for larger in units {
            // 1023.95 would print as 1024.0 of the smaller unit.
            if size < 1023.95 {
                break;
            }
            size /= 1024.0;
            unit = larger;
        }
        write!(f, "{size:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::std::format;

    #[test]
    fn sizes_print_in_the_unit_a_person_would_choose() {
        let printed: Vec<String> = [0, 1023, 1024, 1536, (1 << 20) - 1, 156_762_112, 2 << 30, u64::MAX]
            .iter()
            .map(|bytes| format!("{}", Bytes(*bytes)))
            .collect();
        assert_eq!(
            printed,
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "149.5 MiB", "2.0 GiB", "16.0 EiB"]
        );
    }
}
