//! The readings as they came, one line each, for whoever wants to look closer than a median.

use super::measurements::Measurement;

const NUMBERS: [&str; 4] = ["units", "cpu_seconds", "wall_seconds", "peak_bytes"];

/// No name and no number of ours has a comma or a quote in it.
pub(super) fn lines(measurements: &[Measurement]) -> String {
    let mut text = format!("section,round,contender,workload,{}\n", NUMBERS.join(","));
    for of in measurements {
        text += &format!("{},{},{},{}", of.section, of.round + 1, of.contender.name, of.workload);
        for number in NUMBERS {
            text += &format!(",{}", of.reading.get(number));
        }
        text.push('\n');
    }
    text
}
