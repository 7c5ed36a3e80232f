//! Median and quartiles. Numbers only.

/// What is said of several readings of one thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    pub(super) count: usize,
    pub(super) low_quartile: f64,
    pub(super) median: f64,
    pub(super) high_quartile: f64,
}

impl Summary {
    /// None of nothing.
    pub(super) fn of(mut readings: Vec<f64>) -> Option<Self> {
        readings.sort_by(f64::total_cmp);
        Some(Summary {
            count: readings.len(),
            low_quartile: quantile(&readings, 0.25)?,
            median: quantile(&readings, 0.5)?,
            high_quartile: quantile(&readings, 0.75)?,
        })
    }

    /// Half the distance between the quartiles.
    pub(super) fn spread(&self) -> f64 {
        (self.high_quartile - self.low_quartile) / 2.0
    }
}

/// Between two readings, in proportion: Hyndman and Fan's type 7, as R and NumPy have it.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? as f64 * part;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn quartiles_lie_between_readings() {
        let summary = Summary::of(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.low_quartile, summary.median, summary.high_quartile), (1.75, 2.5, 3.25));
        assert_eq!((summary.count, summary.spread()), (4, 0.75));
    }

    #[test]
    fn one_reading_has_no_spread_and_none_no_summary() {
        let summary = Summary::of(vec![7.0]).unwrap();
        assert_eq!((summary.median, summary.spread()), (7.0, 0.0));
        assert_eq!(Summary::of(vec![]), None);
    }
}
