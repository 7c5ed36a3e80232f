//! What runs showed, and what one says of them: ratios and differences within a round. Numbers, and
//! the contenders' names.

use super::contenders::Contender;
use super::reading::Reading;

/// What one run showed.
#[derive(Debug)]
pub(super) struct Measurement {
    pub(super) section: &'static str,
    pub(super) round: usize,
    pub(super) contender: &'static Contender,
    pub(super) workload: String,
    pub(super) reading: Reading,
}

/// All readings of a contender with those of its baseline in the same round.
pub(super) fn pairs<'a>(
    measurements: &'a [Measurement],
    contender: &Contender,
    workload: &str,
) -> Vec<(&'a Reading, &'a Reading)> {
    let of = |name: &str| -> Vec<&'a Measurement> {
        measurements.iter().filter(|m| m.contender.name == name && m.workload == workload).collect()
    };
    let baselines = of(contender.baseline);
    let pair = |mine: &'a Measurement| {
        let baseline = baselines.iter().find(|baseline| baseline.round == mine.round)?;
        Some((&mine.reading, &baseline.reading))
    };
    of(contender.name).into_iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::contenders::select;
    use super::*;

    #[test]
    fn readings_meet_their_baseline_of_the_same_round() {
        let chosen = select(&["exact"]).unwrap();
        let [bare, exact] = chosen[..] else { panic!("exact has one baseline") };
        let run = |round, contender, seconds: f64| Measurement {
            section: "test",
            round,
            contender,
            workload: "pair".to_owned(),
            reading: Reading::parse(&format!("units=1 cpu_seconds={seconds}")).unwrap(),
        };
        let runs = [run(0, bare, 1.0), run(0, exact, 3.0), run(1, exact, 9.0), run(1, bare, 2.0)];
        let seconds =
            |(mine, baseline): (&Reading, &Reading)| (mine.get("cpu_seconds"), baseline.get("cpu_seconds"));
        let met: Vec<_> = pairs(&runs, exact, "pair").into_iter().map(seconds).collect();
        assert_eq!(met, [(3.0, 1.0), (9.0, 2.0)]);
        assert_eq!(pairs(&runs, exact, "mix"), []);
    }
}
