//! A page about a replay: one HTML file that needs no network.
//!
//! A [`Collector`] follows the commands and their events, and a [`Report`] adds what only the caller knows.
//!
//! ```
//! use pricetime_engine::{Engine, Group};
//! use pricetime_recordings::{Source, csv, report};
//!
//! let text = b"action,market,phase,tick,lot,order,side,price,quantity
//! add_market,SUN/EUR,,0.0001,0.01,,,,
//! set_phase,SUN/EUR,continuous,,,,,,
//! place,SUN/EUR,,,,1,sell,0.1425,3.00
//! place,SUN/EUR,,,,2,buy,0.1425,1.00
//! ";
//! let reader = csv::Reader::new(Source::of("orders.csv", text.as_slice())?, csv::Options::default())?;
//! let (mut engine, mut group) = (Engine::new(1), Group::default());
//! let mut collector = report::Collector::default();
//! for command in reader {
//!     let command = command?;
//!     collector.before(&command, &engine);
//!     engine.apply(&command, &mut group);
//!     collector.after(&group, &engine, None);
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

use crate::agreement::{Agreement, Cause};

mod collector;
mod epochs;
mod json;
mod latency;
mod page;
mod series;
mod totals;

pub use collector::Collector;

/// What the page says that does not follow from commands and events.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The heading.
    pub title: String,
    /// Names and values, in the order of the page: the digest, the hash of the input, the options, the build.
    /// The version of the rules is added to them.
    pub facts: Vec<(String, String)>,
    /// How far the engine agrees with what the exchange reported.
    pub comparison: Option<Comparison>,
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
    /// Why more could not be compared, with their numbers.
    pub others: Vec<(String, u64)>,
    /// The first differences, one sentence each.
    pub differences: Vec<String>,
}

impl Comparison {
    /// The comparison of a replay, with its first differences as text.
    #[must_use]
    pub fn new(agreement: &Agreement, differences: Vec<String>) -> Self {
        let causes = |differ: bool| {
            let causes = Cause::ALL.into_iter().filter(|cause| cause.is_difference() == differ);
            let causes = causes.map(|cause| (cause.to_string(), agreement.count(cause)));
            causes.filter(|(_, count)| *count > 0).collect()
        };
        Self {
            what: String::from("executions"),
            compared: agreement.comparable(),
            agreed: agreement.agreed,
            causes: causes(true),
            others: causes(false),
            differences,
        }
    }
}

#[cfg(test)]
mod tests;
