//! Repeated runs of one measurement.

use serde::{Deserialize, Serialize};

/// The result of several runs. It has a median and quartiles, because one disturbed run should not
/// count more than any other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Runs {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// The distance between the quartiles, in percent of the median.
    pub(super) spread_percent: f64,
    /// All runs, in order.
    pub(super) runs: Vec<f64>,
}

impl Runs {
    pub(super) fn new(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| quantile(&sorted, part);
        let median = at(0.5);
        let spread = if median > 0.0 { 100.0 * (at(0.75) - at(0.25)) / median } else { 0.0 };
        Self { median, min: at(0.0), max: at(1.0), spread_percent: spread, runs }
    }
}

/// A quantile of sorted numbers, interpolated between two of them.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = part * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    let of = |at: usize| sorted.get(at).copied().unwrap_or(0.0);
    of(low) + (of(high) - of(low)) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::Runs;

    #[test]
    fn one_disturbed_run_hardly_changes_the_median() {
        let runs = Runs::new(vec![100.0, 104.0, 20.0, 102.0, 98.0]);
        assert_eq!((runs.median, runs.min, runs.max), (100.0, 20.0, 104.0));
        assert_eq!(runs.spread_percent, 4.0);
        assert_eq!(Runs::new(vec![7.0]).spread_percent, 0.0);
        assert_eq!(Runs::new(vec![1.0, 2.0]).median, 1.5);
        assert_eq!(Runs::new(Vec::new()).median, 0.0);
    }
}
