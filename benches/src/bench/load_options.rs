//! How a rate, and the latency under load, are measured.

use std::time::Duration;

use clap::Args;

/// How a rate, and the latency under load, are measured.
#[derive(Debug, Args)]
pub(super) struct LoadOptions {
    /// Number of runs; the rate is their median
    #[arg(long, default_value_t = 3, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) runs: u32,
    /// The loads at which latency is measured, in percent of the rate
    #[arg(long, default_value = "10,50,90", value_name = "PERCENT", value_delimiter = ',',
        value_parser = positive)]
    load: Vec<f64>,
    /// One load in commands a second, instead of --load
    #[arg(long, value_name = "R", conflicts_with = "load", value_parser = positive)]
    rate: Option<f64>,
    /// The longest time of a measurement, in seconds
    #[arg(long, default_value_t = 3, value_name = "S",
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
}

impl LoadOptions {
    /// The number of measurements of one workload.
    pub(super) fn measurements(&self) -> usize {
        self.runs as usize + self.rate.map_or(self.load.len(), |_| 1)
    }

    /// The loads in commands a second, with their percents of this rate.
    pub(super) fn of_rate(&self, median: f64) -> Vec<(Option<f64>, f64)> {
        match self.rate {
            Some(rate) => vec![(None, rate)],
            None => self.load.iter().map(|p| (Some(*p), median * p / 100.0)).collect(),
        }
    }

    /// The longest time of a measurement.
    pub(super) const fn time_limit(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    let good = number.filter(|number| (1e-3..=1e9).contains(number));
    good.ok_or_else(|| String::from("it is a number from 0.001 to 1000000000"))
}
