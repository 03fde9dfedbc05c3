//! What attacks came to.

use serde::{Deserialize, Serialize};

/// What makes two reports of attacks of the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostileSettings {
    /// How many orders rest.
    pub(crate) orders: usize,
    /// How many honest commands a second there are.
    pub(crate) rate: u32,
    /// How many commands a second the attacker sends, and the harmless client.
    pub(crate) hostile_rate: u32,
}

/// What an attack does to honest commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attacked {
    /// What the attacker does.
    pub(crate) what: String,
    /// What it sent before the first round.
    pub(crate) opening: Sent,
    pub(crate) harmless: Beside,
    pub(crate) hostile: Beside,
    /// The p99 beside the attacker by that beside the harmless client.
    pub(crate) p99_ratio: f64,
    /// Nothing if the system does not say.
    pub(crate) memory: Option<Resident>,
    pub(crate) goals: Goals,
    pub(crate) met: bool,
}

/// Commands, or calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) sent: usize,
    pub(crate) refused: usize,
}

/// Honest commands beside a client. Times run from when a command was due to its durable answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beside {
    pub(crate) honest: Sent,
    /// The median of the rounds.
    pub(crate) p50_ns: u64,
    /// The median of the rounds.
    pub(crate) p99_ns: u64,
    /// The longest of all rounds.
    pub(crate) max_ns: u64,
    pub(crate) client: Sent,
    /// How many commands or calls a second the client sent.
    pub(crate) client_rate: f64,
    /// How much of the time of the cores the machine below, or its quota, kept from this one while it had work.
    #[serde(default)]
    pub(crate) stolen_percent: f64,
}

/// The memory of the process, with two hosts and the clients of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resident {
    /// With both books, and before the attacker sent anything.
    pub(crate) before_bytes: u64,
    pub(crate) highest_bytes: u64,
    /// When the attacker has gone.
    pub(crate) after_bytes: u64,
}

/// What the figures of an attack ought to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Goals {
    pub(crate) p99_ratio_at_most: f64,
    pub(crate) growth_bytes_at_most: u64,
}

/// The answers that are owed to all connections may take as much.
const GOALS: Goals = Goals { p99_ratio_at_most: 2.0, growth_bytes_at_most: 256 << 20 };

impl Attacked {
    /// Judges by the goals.
    pub(crate) fn new(
        (what, opening): (&str, Sent),
        [harmless, hostile]: [Beside; 2],
        memory: Option<Resident>,
    ) -> Self {
        let p99_ratio = hostile.p99_ns as f64 / harmless.p99_ns.max(1) as f64;
        let grown = memory.map_or(0, |it| it.highest_bytes.saturating_sub(it.before_bytes));
        let met = p99_ratio <= GOALS.p99_ratio_at_most
            && grown <= GOALS.growth_bytes_at_most
            && hostile.honest.refused == 0;
        let (what, goals) = (what.to_owned(), GOALS);
        Self { what, opening, harmless, hostile, p99_ratio, memory, goals, met }
    }

    /// The larger of what was kept from the two hosts.
    pub(crate) const fn stolen_percent(&self) -> f64 {
        self.harmless.stolen_percent.max(self.hostile.stolen_percent)
    }
}
