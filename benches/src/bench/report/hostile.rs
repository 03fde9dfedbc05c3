//! The results of attacks.

use serde::{Deserialize, Serialize};

/// The settings that must be equal to compare two reports of attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostileSettings {
    /// The number of resting orders.
    pub(crate) orders: usize,
    /// Honest commands a second.
    pub(crate) rate: u32,
    /// Commands a second of the attacker, and of the harmless client.
    pub(crate) hostile_rate: u32,
}

/// The effect of an attack on honest commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attacked {
    /// A description of the attack.
    pub(crate) what: String,
    /// What the attacker sent before the first round.
    pub(crate) opening: Sent,
    pub(crate) harmless: HonestFigures,
    pub(crate) hostile: HonestFigures,
    /// The p99 beside the attacker, divided by the p99 beside the harmless client.
    pub(crate) p99_ratio: f64,
    /// `None` if the system does not report it.
    pub(crate) memory: Option<Resident>,
    pub(crate) goals: Goals,
    pub(crate) met: bool,
}

/// Numbers of commands or calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) sent: usize,
    pub(crate) refused: usize,
}

/// Honest commands beside a client. Times count from when a command was due to its durable answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HonestFigures {
    pub(crate) honest: Sent,
    /// The median of the rounds.
    pub(crate) p50_ns: u64,
    /// The median of the rounds.
    pub(crate) p99_ns: u64,
    /// The longest of all rounds.
    pub(crate) max_ns: u64,
    pub(crate) client: Sent,
    /// Commands or calls a second that the client sent.
    pub(crate) client_rate: f64,
    /// The share of CPU time that the hypervisor or a quota withheld, in percent.
    #[serde(default)]
    pub(crate) stolen_percent: f64,
}

/// The memory of the process, with two hosts and the clients of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resident {
    /// With both books, before the attacker sent anything.
    pub(crate) before_bytes: u64,
    pub(crate) highest_bytes: u64,
    /// After the attacker is gone.
    pub(crate) after_bytes: u64,
}

/// The goals for the figures of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Goals {
    pub(crate) p99_ratio_at_most: f64,
    pub(crate) growth_bytes_at_most: u64,
}

/// The unsent answers of all connections may take this much memory.
const GOALS: Goals = Goals { p99_ratio_at_most: 2.0, growth_bytes_at_most: 256 << 20 };

impl Attacked {
    /// Compares the figures with the goals.
    pub(crate) fn new(
        (what, opening): (&str, Sent),
        [harmless, hostile]: [HonestFigures; 2],
        memory: Option<Resident>,
    ) -> Self {
        let p99_ratio = hostile.p99_ns as f64 / harmless.p99_ns.max(1) as f64;
        let growth = memory.map_or(0, |it| it.highest_bytes.saturating_sub(it.before_bytes));
        let met = p99_ratio <= GOALS.p99_ratio_at_most
            && growth <= GOALS.growth_bytes_at_most
            && hostile.honest.refused == 0;
        let (what, goals) = (what.to_owned(), GOALS);
        Self { what, opening, harmless, hostile, p99_ratio, memory, goals, met }
    }

    /// The larger of the two hosts' figures.
    pub(crate) const fn stolen_percent(&self) -> f64 {
        self.harmless.stolen_percent.max(self.hostile.stolen_percent)
    }
}
