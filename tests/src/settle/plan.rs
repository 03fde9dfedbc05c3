//! The faults of a schedule, and their rates.

use core::time::Duration;

use pricetime_settlement::RetryPolicy;

use crate::generate::random::Random;

/// The plan of a schedule. A very high `once_in` value means never.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is what its name says")]
pub struct Plan {
    pub runners: u64,
    pub markets: u32,
    pub nodes: usize,
    pub ttl: u64,
    /// All faults end at this time.
    pub faults_until: u64,
    pub epoch_every: u64,
    /// The maximum delay of journals.
    pub lag_max: u64,
    pub patience: RetryPolicy,
    /// How long a runner waits for the ledger.
    pub answer_within: u64,
    /// The usual and the maximum latency of a message.
    pub latency: u64,
    pub latency_max: u64,
    pub slow_once_in: u64,
    pub lost_once_in: u64,
    pub duplicate_once_in: u64,
    pub crash_once_in: u64,
    pub unsaved_once_in: u64,
    pub partial_once_in: u64,
    pub missing_once_in: u64,
    /// The lock is granted to every runner at once.
    pub lock_for_all_once_in: u64,
    /// The number of random faults.
    pub fault_count: u64,
    /// The percentage of epochs that the ledger refuses.
    pub refused_percent: u64,
    /// How often, in percent, an operator removes the reason of a refusal.
    pub repaired_percent: u64,
    /// The number of times that a foreign client interferes.
    pub foreign_clients: u64,
    /// Whether an operator sets the ledger's position back.
    pub set_back: bool,
    /// Whether the whole ledger is restored from a copy.
    pub restored: bool,
    /// Whether the first runner stays down after the last fault.
    pub gone: bool,
    /// Whether the second runner's journal stays empty.
    pub lacks_journal: bool,
}

const NEVER: u64 = u64::MAX;

impl Plan {
    /// Generates the plan; about half of all possible faults occur in it.
    pub fn generate(random: &mut Random) -> Self {
        let mut rate = |often: [u64; 3]| if random.chance(50) { random.pick(often) } else { NEVER };
        let slow_once_in = rate([3, 10, 30]);
        let lost_once_in = rate([3, 8, 20]);
        let duplicate_once_in = rate([3, 8, 20]);
        let crash_once_in = rate([15, 30, 80]);
        let unsaved_once_in = rate([1, 2, 5]);
        let partial_once_in = rate([1, 3, 6]);
        let missing_once_in = rate([2, 3, 6]);
        let lock_for_all_once_in = rate([1, 2, 4]);
        let ms = Duration::from_millis;
        let patience = RetryPolicy {
            backoff_min: ms(random.pick([10, 50, 200])),
            backoff_max: ms(random.pick([1_000, 10_000, 600_000])),
            lock_wait: ms(random.pick([50, 200, 1_000])),
            watch: ms(random.pick([1_000, 10_000, 60_000])),
            refusals_max: random.within(1, 3) as u32,
            batches_max: random.within(1, 5) as usize,
        };
        let mut plan = Self {
            runners: random.pick([2, 2, 3]),
            markets: random.pick([1, 1, 1, 2]),
            nodes: random.pick([1, 3, 5]),
            ttl: random.pick([100, 400, 2_000]),
            faults_until: random.within(500, 5_000),
            epoch_every: random.pick([10, 100, 600]),
            lag_max: random.pick([5, 100, 3_000]),
            patience,
            answer_within: random.pick([30, 100]),
            latency: random.pick([2, 10]),
            latency_max: random.pick([100, 1_000, 5_000]),
            slow_once_in,
            lost_once_in,
            duplicate_once_in,
            crash_once_in,
            unsaved_once_in,
            partial_once_in,
            missing_once_in,
            lock_for_all_once_in,
            fault_count: random.pick([0, 4, 12]),
            refused_percent: random.pick([0, 0, 0, 30]),
            repaired_percent: random.pick([0, 50]),
            foreign_clients: random.pick([0, 0, 2]),
            set_back: random.once_in(8),
            gone: random.once_in(6),
            lacks_journal: random.once_in(6),
            restored: random.once_in(4),
        };
        if plan.gone && plan.lacks_journal {
            // A batch that a foreign client has deposited stays forever if the batches before it are missing.
            plan.foreign_clients = 0;
            plan.restored = false;
        }
        if plan.restored && random.chance(50) {
            // Some epochs should be dropped before the restore.
            plan.refused_percent = 30;
        }
        plan
    }
}
