//! A page about a replay: one HTML file that needs no network.
//!
//! A [`Collector`] follows the commands and their events, and a [`Report`] adds what only the caller knows.
//!
//! ```
//! use pricetime_engine::Engine;
//! use pricetime_recordings::{Source, csv, report};
//!
//! let text = b"action,market,phase,tick,lot,order,side,price,quantity
//! add_market,SUN/EUR,,0.0001,0.01,,,,
//! set_phase,SUN/EUR,continuous,,,,,,
//! place,SUN/EUR,,,,1,sell,0.1425,3.00
//! place,SUN/EUR,,,,2,buy,0.1425,1.00
//! ";
//! let reader = csv::Reader::new(Source::of("orders.csv", text.as_slice())?, csv::Options::default())?;
//! let (mut engine, mut collector) = (Engine::new(1), report::Collector::new(report::Axis::Sequence));
//! for command in reader {
//!     collector.apply(&mut engine, &command?, &mut ());
//! }
//! let digest = format!("{:032x}", engine.digest());
//! let report = report::Report {
//!     title: "orders.csv".into(),
//!     facts: vec![("Digest".into(), digest)],
//!     ..report::Report::default()
//! };
//! let mut page = Vec::new();
//! report.write(&collector, &mut page)?;
//! assert!(String::from_utf8(page)?.contains("SUN/EUR"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::Write as _;

use pricetime_engine::Timestamp;

use crate::agreement::{Agreement, Cause};

mod collector;
mod epochs;
mod html;
mod json;
mod page;
mod series;
mod totals;

pub use collector::{Axis, Collector};

/// What the page says that does not follow from commands and events.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The heading.
    pub title: String,
    /// Names and values, in the order of the page: the digest, the hash of the input, the options, the build.
    /// The version of the rules is added to them.
    pub facts: Vec<(String, String)>,
    /// How long the engine took for a command, at most some thousand points in the order of their times.
    pub latency: Vec<LatencyPoint>,
    /// How far the engine agrees with what the exchange reported.
    pub comparison: Option<Comparison>,
}

/// How long the engine took for the commands of an interval, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyPoint {
    /// The time of the interval's last command. With [`Axis::Sequence`] it is a sequence.
    pub time: Timestamp,
    /// Half of the commands took at most this long.
    pub p50: u64,
    /// 99 % of the commands took at most this long.
    pub p99: u64,
    /// 99.9 % of the commands took at most this long.
    pub p999: u64,
    /// No command took longer.
    pub max: u64,
}

/// How far a replay agrees with its recording.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// What was compared, such as "executions".
    pub what: String,
    /// How many were compared.
    pub compared: u64,
    /// How many of them agree.
    pub agreed: u64,
    /// Why the others do not, with their numbers.
    pub causes: Vec<(String, u64)>,
    /// The first differences, one sentence each.
    pub differences: Vec<String>,
}

impl From<&Agreement> for Comparison {
    fn from(agreement: &Agreement) -> Self {
        let causes = Cause::ALL.iter().map(|cause| (cause.to_string(), agreement.count(*cause)));
        let difference = |it: &crate::agreement::Difference| {
            let mut text = String::new();
            if let Some(market) = it.market {
                // Writing to a string cannot fail.
                let _ = write!(text, "market {market}, ");
            }
            text + &it.to_string()
        };
        Self {
            what: String::from("executions"),
            compared: agreement.executions,
            agreed: agreement.agreed,
            causes: causes.filter(|(_, count)| *count > 0).collect(),
            differences: agreement.differences().iter().map(difference).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
