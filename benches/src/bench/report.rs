//! The results of a measurement, as they are printed and read again.

mod hostile;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::machine::{Build, Busy, CoreTime, Machine};
use super::runs::Runs;
use crate::failure::Failure;

pub(super) use hostile::{Attacked, HonestFigures, HostileSettings, Resident, Sent};

/// The format name at the start of every report.
const FORMAT: &str = "pricetime-bench";
/// Increases if a field is removed or changes its meaning.
const VERSION: u32 = 1;

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) format: String,
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) head: Head,
    /// How busy the machine was.
    #[serde(default)]
    pub(super) busy: Busy,
    pub(super) workloads: Vec<Measured>,
    /// The comparison with a baseline, if one was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) compared: Vec<Compared>,
}

/// The change of a workload's rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Compared {
    pub(super) workload: String,
    /// The new rate divided by the old one; `None` if there is no old one.
    pub(super) ratio: Option<f64>,
    /// How far two equal rates can be apart, in percent.
    pub(super) noise_percent: f64,
    pub(super) verdict: Verdict,
    /// `true` if the same commands lead to a different state than before.
    pub(super) other_outcome: bool,
}

/// The verdict of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Faster,
    Slower,
    Same,
    /// The baseline does not have this workload.
    New,
}

impl Compared {
    pub(super) fn is_slower(&self) -> bool {
        self.verdict == Verdict::Slower
    }
}

/// The settings, the machine and the build of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) settings: Settings,
    pub(super) machine: Machine,
    pub(super) build: Build,
    /// When the measurement began.
    #[serde(skip)]
    begun: CoreTime,
}

/// Two reports can be compared if these are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) commands: usize,
    /// The number of orders of the opening, if it is not the workload's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) orders: Option<usize>,
    /// The recording, if it takes the place of a workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recording: Option<RecordingSettings>,
    /// `None` for the core alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<HostSettings>,
    /// Only for the image in Redis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redis: Option<RedisSettings>,
    /// Only for settlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settle: Option<SettleSettings>,
    /// Only for subscribers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subscribers: Option<SubscriberSettings>,
    /// Only for attacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hostile: Option<HostileSettings>,
    /// Only for a market behind a socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<GatewaySettings>,
    /// Only for growth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) growth: Option<GrowthSettings>,
}

/// The settings that must be equal to compare two reports of a market behind a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GatewaySettings {
    /// `own` for a market that was started for it, `unix` or `tcp`.
    pub(super) address: String,
    pub(super) connections: usize,
    /// The number of lines in flight on each connection.
    pub(super) window: usize,
}

/// The settings that must be equal to compare two reports of growth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GrowthSettings {
    /// The numbers of orders in one market.
    pub(super) orders: Vec<usize>,
    /// The numbers of markets that share orders.
    pub(super) markets: Vec<u32>,
    /// The number of orders that they share.
    pub(super) shared: usize,
}

/// The commands of a recording. Two files of the same name have equal digests only if the commands lead to the
/// same state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordingSettings {
    /// The name of the file without its folder.
    pub(super) file: String,
    /// The number of its commands that fill the books first.
    pub(super) skip: usize,
    /// The digest of the state after the last command that was read.
    pub(super) digest: String,
}

/// The settings that must be equal to compare two reports of subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SubscriberSettings {
    /// The number of subscribers.
    pub(super) subscribers: usize,
    /// The number of resting orders while all subscribers reconnect.
    pub(super) orders: usize,
}

/// The settings that must be equal to compare two reports of settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SettleSettings {
    /// The numbers of trades in the batches.
    pub(super) trades: Vec<usize>,
    /// The number of small batches that are settled in a row.
    pub(super) small: usize,
}

/// The settings that must be equal to compare two reports of the image in Redis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RedisSettings {
    /// The numbers of orders in the books.
    pub(super) orders: Vec<usize>,
    /// The number of orders that an epoch changes.
    pub(super) changes: usize,
}

/// The settings that must be equal to compare two reports of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostSettings {
    pub(super) policy: String,
    pub(super) submitters: usize,
    /// How many commands are submitted in one call.
    #[serde(default = "one")]
    pub(super) together: usize,
}

const fn one() -> usize {
    1
}

/// The results of one workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) workload: String,
    /// Commands a second at full speed.
    pub(super) rate: Runs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) core: Option<CoreFigures>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<HostFigures>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redis: Option<RedisFigures>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settle: Option<RedisFigures>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subscribers: Option<RedisFigures>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hostile: Option<Attacked>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) growth: Option<GrowthFigures>,
}

/// A cost at one size. The rate is how often that fits into a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GrowthFigures {
    /// What grows: `orders` or `markets`.
    pub(super) axis: String,
    pub(super) orders: usize,
    pub(super) markets: u32,
    /// The median of the runs.
    pub(super) value: f64,
    /// `ns`, or `bytes` for each order.
    pub(super) unit: String,
    /// The value divided by that of the smallest size.
    pub(super) ratio: f64,
}

impl Measured {
    /// The figures that are printed in a row of their own, from whichever measurement.
    pub(super) fn figures(&self) -> Option<&RedisFigures> {
        self.redis.as_ref().or(self.settle.as_ref()).or(self.subscribers.as_ref())
    }
}

/// A figure of the image in Redis, of settlement or of subscribers, often relative to another rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RedisFigures {
    /// A description of what was measured.
    pub(super) what: String,
    /// The median of the runs, each relative to what was measured in the same run; for waits the
    /// longest.
    pub(super) value: f64,
    /// One of `Z` (multiples of the server's own ZADD rate), `ms`, `bytes`, `a second`, `of well`
    /// and `of alone`.
    pub(super) unit: String,
    pub(super) goal: Option<Goal>,
}

/// The goal of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub(super) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// The results of the core alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CoreFigures {
    /// The digest of the final state, which is the same in every run.
    pub(super) digest: String,
    /// The number of live orders before the first measured command, and after the last.
    pub(super) resting_first: u64,
    pub(super) resting_last: u64,
    pub(super) trades: u64,
    /// The share of a core that it had during the rate runs, in percent. Other programs had the
    /// rest.
    pub(super) cpu_percent: f64,
    /// The time of one command, including the clock readings.
    pub(super) latency: Latency,
    /// The median time of the clock readings alone.
    pub(super) clock_ns: u64,
    pub(super) memory: Memory,
}

/// The memory of the core; `None` where the system does not report it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The largest growth of the process.
    pub(super) peak_growth_bytes: Option<u64>,
    /// The growth during the opening, per resting order; `None` if there are too few orders.
    pub(super) bytes_per_order: Option<u64>,
    /// Page faults per million measured commands.
    pub(super) faults_per_million: Option<f64>,
    /// Allocations per million measured commands; `None` if the build does not count them.
    #[serde(default)]
    pub(super) allocations_per_million: Option<f64>,
}

/// The results of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct HostFigures {
    /// The share of refused commands in all closed-loop runs, in percent. Several submitters
    /// overtake each other, so a cancel can arrive after its order has traded.
    pub(super) refused_percent: f64,
    /// Latency under load.
    pub(super) loads: Vec<Load>,
}

/// A host under an open-loop load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Load {
    /// The load in percent of the measured rate, if it was chosen that way.
    pub(super) percent: Option<f64>,
    /// Due commands a second.
    pub(super) rate_due: f64,
    /// Answered commands a second.
    pub(super) rate: f64,
    /// From when a command was due to its durable answer.
    pub(super) latency: Latency,
    /// How late the generator submitted due commands. The latency includes this.
    pub(super) late_p50_ns: u64,
    pub(super) late_p99_ns: u64,
    /// The share of a core that the generator used, in percent.
    pub(super) generator_cpu_percent: f64,
}

/// A latency distribution, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Latency {
    pub(super) count: u64,
    pub(super) p50_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) p999_ns: u64,
    pub(super) max_ns: u64,
    /// The whole distribution: a number of nines, like 2 for 99 %, and the time that this share took at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) curve: Vec<(f64, u64)>,
}

/// The number of points of a curve for each nine.
const POINTS: u32 = 8;

impl Latency {
    pub(super) fn of(times: &hdrhistogram::Histogram<u64>) -> Self {
        let at = |part| times.value_at_quantile(part);
        Self {
            count: times.len(),
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: times.max(),
            curve: curve(times),
        }
    }
}

fn curve(times: &hdrhistogram::Histogram<u64>) -> Vec<(f64, u64)> {
    let nines = (0..).map(|point| f64::from(point) / f64::from(POINTS));
    // Beyond this share there is less than one time.
    let most = (times.len() as f64).log10();
    let at = |nines: f64| (nines, times.value_at_quantile(1.0 - 10_f64.powf(-nines)));
    nines.take_while(|nines| *nines <= most).map(at).collect()
}

impl Head {
    /// The settings with this machine and this build.
    pub(super) fn current(settings: Settings) -> Self {
        let (machine, build) = (Machine::current(), Build::current());
        Self { settings, machine, build, begun: CoreTime::now() }
    }
}

impl Report {
    pub(super) fn new(head: Head, workloads: Vec<Measured>) -> Self {
        let (format, busy) = (FORMAT.to_owned(), head.begun.busy_since());
        Self { format, version: VERSION, head, busy, workloads, compared: Vec::new() }
    }

    /// Reads a report that was printed before.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let at = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::failed(format_args!("cannot read {at}: {error}")))?;
        let wrong = |why: &str| {
            let what = "a report is printed by `pricetime bench core --json`, or by `bench host`, \
                        `gateway`, `growth`, `redis`, `settle`, `subscribers`, `hostile`";
            Failure::Usage(format!("{at} is not a report of this program: {why}; {what}"))
        };
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
        if value.get("format").and_then(|format| format.as_str()) != Some(FORMAT) {
            return Err(wrong(&format!("its \"format\" is not \"{FORMAT}\"")));
        }
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(u64::from(VERSION)) {
            return Err(wrong(&format!("its \"version\" is not {VERSION}, so measure again")));
        }
        serde_json::from_value(value).map_err(|error| wrong(&error.to_string()))
    }
}
