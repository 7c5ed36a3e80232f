//! The option `--max-size`: how large a profile may be. Broken by: `tests/hostile_profiles.rs`.

use alloc_tracer::profile::ReadLimits;

/// Limits from a number of bytes with an optional unit: `512m`, `2g`.
pub(super) fn parse(text: &str) -> Result<ReadLimits, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err("a number of bytes such as 512m or 2g is wanted".into()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    match bytes {
        Some(unpacked_bytes @ 1..=0xffff_ffff) => Ok(ReadLimits { unpacked_bytes }),
        _ => Err("a number of bytes below 4g is wanted".into()),
    }
}
