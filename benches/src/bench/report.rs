//! What a measurement came to, as it is printed and read again.

mod hostile;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::machine::{Build, Machine};
use super::runs::Runs;
use crate::failure::Failure;

pub(super) use hostile::{Attacked, Beside, HostileSettings, Resident, Sent};

/// What every report begins with.
const FORMAT: &str = "pricetime-bench";
/// Goes up where a field changes its meaning or goes.
const VERSION: u32 = 1;

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) format: String,
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) workloads: Vec<Measured>,
    /// Against a baseline, where there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) compared: Vec<Compared>,
}

/// What became of a workload's rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Compared {
    pub(super) workload: String,
    /// The rate now by the rate before; nothing where it was not measured before.
    pub(super) ratio: Option<f64>,
    /// How far from each other two rates can be that are the same, in percent.
    pub(super) noise_percent: f64,
    pub(super) verdict: Verdict,
    /// Whether the same commands lead to another state than before.
    pub(super) other_outcome: bool,
}

/// What is said of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Faster,
    Slower,
    Same,
    /// There is nothing to compare it with.
    New,
}

impl Compared {
    pub(super) fn is_slower(&self) -> bool {
        self.verdict == Verdict::Slower
    }
}

/// What was asked for, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) settings: Settings,
    pub(super) machine: Machine,
    pub(super) build: Build,
}

/// What makes two reports of the same thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) commands: usize,
    /// Nothing for the core alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<HostSettings>,
    /// Of the image in Redis alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redis: Option<RedisSettings>,
    /// Of settlement alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settle: Option<SettleSettings>,
    /// Of subscribers alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subscribers: Option<SubscriberSettings>,
    /// Of attacks alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hostile: Option<HostileSettings>,
}

/// What makes two reports of subscribers of the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SubscriberSettings {
    /// How many there are.
    pub(super) subscribers: usize,
    /// How many orders rest while all of them come back at once.
    pub(super) orders: usize,
}

/// What makes two reports of settlement of the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SettleSettings {
    /// How many trades the batches come from.
    pub(super) trades: Vec<usize>,
    /// How many small ones are settled one after the other.
    pub(super) small: usize,
}

/// What makes two reports of the image in Redis of the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RedisSettings {
    /// How many orders the books have.
    pub(super) orders: Vec<usize>,
    /// How many of them an epoch changes.
    pub(super) changes: usize,
}

/// What makes two reports of a host of the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostSettings {
    pub(super) policy: String,
    pub(super) submitters: usize,
}

/// What one workload came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) workload: String,
    /// Commands a second, as fast as they are taken.
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
}

impl Measured {
    /// The figures that are told in a row each, whatever they are of.
    pub(super) fn figures(&self) -> Option<&RedisFigures> {
        self.redis.as_ref().or(self.settle.as_ref()).or(self.subscribers.as_ref())
    }
}

/// What there is to say of the image in Redis, of settlement and of subscribers: the rate beside something else, in this unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RedisFigures {
    /// What was measured, in words.
    pub(super) what: String,
    /// The median of the runs, each put beside what was measured in the same run; of waits the longest.
    pub(super) value: f64,
    /// `Z` for times the server's own ZADD, `ms`, `bytes`, `of well`, `of alone`.
    pub(super) unit: String,
    pub(super) goal: Option<Goal>,
}

/// What a figure ought to be.
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

/// What there is to say of the core alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CoreFigures {
    /// The state afterwards: the same in every run.
    pub(super) digest: String,
    /// How many orders stand before the first command that is measured, and after the last.
    pub(super) resting_first: u64,
    pub(super) resting_last: u64,
    pub(super) trades: u64,
    /// What it had of a core while its rate was measured, in percent; other programs had the rest.
    pub(super) cpu_percent: f64,
    /// How long one command takes, the clock included.
    pub(super) latency: Latency,
    /// What reading the clock takes by itself, at the median.
    pub(super) clock_ns: u64,
    pub(super) memory: Memory,
}

/// What the core took of memory; nothing where the system does not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// By how much it made the process grow at most.
    pub(super) peak_growth_bytes: Option<u64>,
    /// What the opening made it grow by, by resting order; nothing where too few rest to tell.
    pub(super) bytes_per_order: Option<u64>,
    /// How often the system had to give it a page while it was measured, by million commands.
    pub(super) faults_per_million: Option<f64>,
    /// How often it asked for memory meanwhile, by million commands; nothing where that is not counted.
    #[serde(default)]
    pub(super) allocations_per_million: Option<f64>,
}

/// What there is to say of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct HostFigures {
    /// Of the commands of all runs as fast as they are taken, in percent: several submitters
    /// overtake each other, and who cancels what has just traded is refused.
    pub(super) refused_percent: f64,
    /// Latency under load.
    pub(super) loads: Vec<Load>,
}

/// A host under a load that does not wait for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Load {
    /// In percent of the rate above, where it was chosen so.
    pub(super) percent: Option<f64>,
    /// Commands a second that were due.
    pub(super) rate_due: f64,
    /// Commands a second that were answered.
    pub(super) rate: f64,
    /// From when a command was due to its durable answer.
    pub(super) latency: Latency,
    /// How late the generator submitted what was due: part of the above.
    pub(super) late_p50_ns: u64,
    pub(super) late_p99_ns: u64,
    /// What the generator took of a core, in percent.
    pub(super) generator_cpu_percent: f64,
}

/// How long something took, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Latency {
    pub(super) count: u64,
    pub(super) p50_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) p999_ns: u64,
    pub(super) max_ns: u64,
}

impl Latency {
    pub(super) fn of(times: &hdrhistogram::Histogram<u64>) -> Self {
        let at = |part| times.value_at_quantile(part);
        Self {
            count: times.len(),
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: times.max(),
        }
    }
}

impl Head {
    /// What is asked for, here and now.
    pub(super) fn here(settings: Settings) -> Self {
        Self { settings, machine: Machine::here(), build: Build::this() }
    }
}

impl Report {
    pub(super) fn new(head: Head, workloads: Vec<Measured>) -> Self {
        let format = FORMAT.to_owned();
        Self { format, version: VERSION, head, workloads, compared: Vec::new() }
    }

    /// Reads what was printed before.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let at = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::failed(format_args!("cannot read {at}: {error}")))?;
        let wrong = |why: &str| {
            let what = "it is what `pricetime bench core --json` prints, or `bench host`, `redis`, `settle`, \
                        `subscribers`, `hostile`";
            Failure::Usage(format!("{at} is no report of this program: {why}; {what}"))
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
