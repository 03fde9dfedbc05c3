//! The machine and the build of a measurement.

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

impl Build {
    pub(super) fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checked: cfg!(debug_assertions),
            commit: option_env!("PRICETIME_COMMIT").map(str::to_owned),
        }
    }
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

/// CPU time of all cores, in clock ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CoreTime {
    /// Time that the hypervisor or a quota withheld from a core that had work.
    stolen: u64,
    all: u64,
}

impl CoreTime {
    /// The time since boot. Zero if the system does not report it.
    pub(super) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        // The columns after the eighth are counted in the first two as well.
        let ticks = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = ticks.map(|it| it.parse().unwrap_or(0)).collect();
        Self { stolen: ticks.get(7).copied().unwrap_or(0), all: ticks.iter().sum() }
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
