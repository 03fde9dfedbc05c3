//! The machine and the build of a measurement.

use std::fmt;
use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A machine. Fields that the system does not report are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) os: String,
    pub(super) architecture: String,
}

/// A build of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Build {
    pub(super) version: String,
    /// `true` for a build with debug assertions, whose figures mean little.
    pub(super) checked: bool,
    /// The value of `PRICETIME_COMMIT` at build time.
    pub(super) commit: Option<String>,
}

impl Machine {
    /// Returns `true` if rates of both can be compared. The version of the system may differ.
    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.cpu.clone(), it.cores, it.architecture.clone());
        of(self) == of(other)
    }

    pub(super) fn current() -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: cpu().unwrap_or_default(),
            cores,
            os: format!("{} {}", std::env::consts::OS, kernel.trim()).trim().to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, os, architecture } = self;
        write!(f, "{cpu}, {cores} cores, {os} {architecture}")
    }
}

impl Build {
    pub(super) fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checked: cfg!(debug_assertions),
            commit: option_env!("PRICETIME_COMMIT").map(str::to_owned),
        }
    }
}

/// The CPU time of this process and of its children that have ended, in clock ticks.
fn own_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The fields 12 to 15 after the process name, which may contain anything.
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

fn cpu() -> Option<String> {
    let all = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = all.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The CPU time of this thread.
pub(super) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// How busy a machine was during a measurement. Fields that the system does not report are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Busy {
    /// The load average of a minute at the start, which is that of other programs.
    pub(super) load_first: Option<f64>,
    /// The same at the end, with this program.
    pub(super) load_last: Option<f64>,
    /// The share of all cores' time that other programs used, in percent.
    pub(super) others_percent: Option<f64>,
    /// The share that the hypervisor or a quota withheld.
    pub(super) stolen_percent: Option<f64>,
}

impl Busy {
    /// The share of all cores' time that this program could not have, in percent.
    pub(super) fn lost_percent(&self) -> f64 {
        self.others_percent.unwrap_or(0.0) + self.stolen_percent.unwrap_or(0.0)
    }
}

/// CPU time of all cores, in clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CoreTime {
    /// Time that the hypervisor or a quota withheld from a core that had work.
    stolen: u64,
    /// Time in which a core had nothing to do.
    idle: u64,
    all: u64,
    /// The time of this process and of its children that have ended.
    own: u64,
    /// The load average in hundredths.
    load: u64,
}

impl CoreTime {
    /// The time since boot. Zero if the system does not report it.
    pub(super) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        // The columns after the eighth are counted in the first two as well.
        let ticks = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = ticks.map(|it| it.parse().unwrap_or(0)).collect();
        let at = |column: usize| ticks.get(column).copied().unwrap_or(0);
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split_whitespace().next().and_then(|it| it.parse::<f64>().ok());
        Self {
            stolen: at(7),
            idle: at(3) + at(4),
            all: ticks.iter().sum(),
            own: own_ticks().unwrap_or(0),
            load: (100.0 * load.unwrap_or(0.0)) as u64,
        }
    }

    /// How busy the machine has been since this was taken.
    pub(super) fn busy_since(self) -> Busy {
        let now = Self::now();
        let all = now.all.saturating_sub(self.all);
        if all == 0 {
            return Busy::default();
        }
        let percent = |ticks: u64| Some(100.0 * ticks as f64 / all as f64);
        let since = |part: fn(&Self) -> u64| part(&now).saturating_sub(part(&self));
        let (stolen, idle, own) = (since(|it| it.stolen), since(|it| it.idle), since(|it| it.own));
        Busy {
            load_first: Some(self.load as f64 / 100.0),
            load_last: Some(now.load as f64 / 100.0),
            others_percent: percent(all.saturating_sub(stolen + idle + own)),
            stolen_percent: percent(stolen),
        }
    }

    /// Adds the time since `then`.
    pub(super) fn add_since(&mut self, then: Self) {
        let now = Self::now();
        self.stolen += now.stolen.saturating_sub(then.stolen);
        self.all += now.all.saturating_sub(then.all);
    }

    pub(super) fn stolen_percent(self) -> f64 {
        100.0 * self.stolen as f64 / self.all.max(1) as f64
    }
}
