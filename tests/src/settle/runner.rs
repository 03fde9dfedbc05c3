//! A process that settles: its settlers, its stored state, and its clock.

use core::time::Duration;

use pricetime_engine::{EpochNumber, MarketId};
use pricetime_settlement::ledger::Deed;
use pricetime_settlement::{
    Checkpoint, Closed, Drops, Locked, PollResult, Reply, RetryPolicy, Settler, Start, Step,
};

use super::journal::{HISTORY, Journal};

/// The initial value of its clock.
const CLOCK: u64 = 100_000_000;

/// A market of a process.
#[derive(Debug)]
pub struct MarketState {
    /// Its settler, while the process runs.
    pub settler: Option<Settler>,
    /// The number of the call that it waits for.
    pub call: Option<usize>,
    /// The state that survives a restart.
    pub stored: Checkpoint,
    /// The epochs that it has dropped, as stored on its disk.
    pub drops: Drops,
    /// The number of epochs that have closed in this process's journal.
    pub closed_epochs: u64,
    /// The end of its lease on the lock, by its own clock.
    lease: Option<Duration>,
    /// The last time at which it learned of another claim on the market.
    fenced: Option<Duration>,
    token: bool,
}

/// A process.
#[derive(Debug)]
pub struct Runner {
    /// Its number.
    pub number: u64,
    /// The number of its starts.
    pub life: u64,
    /// Its markets.
    pub markets: Vec<MarketState>,
    /// The end of its pause.
    pub paused_until: u64,
    /// The time until which it cannot reach the ledger.
    pub cut_until: u64,
    /// The offset of its clock from the world's.
    offset: u64,
    /// The time of its next wake-up, so that it is not scheduled twice.
    pub wake_at: Option<u64>,
}

impl Runner {
    /// Creates a process that has not started.
    #[must_use]
    pub fn new(number: u64, markets: usize) -> Self {
        let state = || MarketState {
            settler: None,
            call: None,
            stored: Checkpoint::default(),
            drops: Drops::new(),
            closed_epochs: 0,
            lease: None,
            fenced: None,
            token: false,
        };
        Self {
            number,
            life: 0,
            markets: (0..markets).map(|_| state()).collect(),
            paused_until: 0,
            cut_until: 0,
            offset: CLOCK,
            wake_at: None,
        }
    }

    /// The time on its clock.
    #[must_use]
    pub fn clock(&self, now: u64) -> Duration {
        Duration::from_millis(now + self.offset)
    }

    /// Returns `true` if it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.markets.iter().all(|state| state.settler.is_some())
    }

    /// Its owner id for the locks, different for every start.
    #[must_use]
    pub fn owner(&self) -> u64 {
        self.number << 32 | self.life
    }

    /// Starts the process with its stored state.
    pub fn start(&mut self, patience: RetryPolicy) {
        self.life += 1;
        self.wake_at = None;
        for (market, state) in (1..).map(MarketId).zip(&mut self.markets) {
            let start = Start {
                market,
                history: HISTORY,
                closed: EpochNumber(state.closed_epochs),
                stored: state.stored.clone(),
                drops: Ok(state.drops.clone()),
                jitter: self.life << 40 | self.number << 32 | u64::from(market.0),
            };
            state.settler = Some(Settler::new(start, patience));
            state.call = None;
            (state.lease, state.fenced, state.token) = (None, None, false);
        }
    }

    /// Moves its clock.
    pub fn jump(&mut self, far: u64, ahead: bool) {
        self.offset = if ahead { self.offset + far } else { self.offset - far };
        self.wake_at = None;
        // After a jump back, the same time may occur again.
        self.markets.iter_mut().for_each(|state| state.fenced = None);
    }

    /// Ends the process; only stored state remains.
    pub fn crash(&mut self) {
        for state in &mut self.markets {
            state.settler = None;
            state.call = None;
        }
    }

    /// Closes an epoch in the journal of this process. If `part`, the process does not know the whole
    /// batch.
    pub fn close_epoch(&mut self, market: usize, journal: &Journal, part: bool) {
        let state = &mut self.markets[market];
        let batch = &journal.batches[market][state.closed_epochs as usize];
        state.closed_epochs += 1;
        if let Some(settler) = &mut state.settler {
            settler.closed(if part {
                Closed::Part { market: batch.market, epoch: batch.epoch }
            } else {
                Closed::Whole(batch.clone())
            });
        }
    }
}

impl MarketState {
    /// The next step. Every change to the ledger must be made under a lock and a token.
    ///
    /// # Errors
    /// Returns an error if the step is not allowed.
    pub fn poll(&mut self, clock: Duration) -> Result<Option<PollResult>, String> {
        let Some(settler) = &mut self.settler else { return Ok(None) };
        let ask = settler.poll(clock);
        if self.call.is_some() && matches!(ask, PollResult::Step(_)) {
            return Err(format!("two steps at once: {ask:?}"));
        }
        let PollResult::Step(step) = &ask else { return Ok(Some(ask)) };
        let holds = self.lease.is_some_and(|until| clock < until);
        let fault = match step {
            Step::Claim { .. } if self.fenced == Some(clock) => {
                Some("claims as soon as it is fenced")
            }
            Step::Claim { .. } if !holds => Some("claims without a lock"),
            Step::Seed { .. } | Step::Apply { .. } if !holds => Some("settles without a lock"),
            Step::Seed { .. } | Step::Apply { .. } if !self.token => {
                Some("settles without a claim")
            }
            Step::Apply { batch, deed, .. }
                if (*deed == Deed::Drop) != self.drops.contains_key(&batch.epoch) =>
            {
                Some("applies something else than the drops on its disk")
            }
            Step::Checkpoint(_)
            | Step::StoreDrops(_)
            | Step::ReadOutcome(_)
            | Step::ReadPosition
            | Step::RemakeBatches { .. }
            | Step::Deposit(_)
            | Step::Read { .. }
            | Step::Lock
            | Step::Unlock
            | Step::Claim { .. }
            | Step::Seed { .. }
            | Step::Apply { .. } => None,
        };
        fault.map_or(Ok(Some(ask)), |fault| Err(fault.to_owned()))
    }

    /// Passes the result of a step to the settler.
    pub fn handle_reply(&mut self, clock: Duration, reply: Reply) {
        use pricetime_settlement::ledger::Applied;
        self.call = None;
        if let Reply::Locked(locked) = &reply {
            self.lease = match locked {
                Locked::Until(until) => Some(*until),
                Locked::Elsewhere | Locked::Unreachable => None,
            };
            self.token &= self.lease.is_some();
        } else if reply == Reply::Unlocked {
            (self.lease, self.token) = (None, false);
        } else if let Reply::Claimed(Ok(_)) = &reply {
            self.token = true;
        } else if let Reply::Applied(Ok(Applied::Fenced(_))) = &reply {
            self.fenced = Some(clock);
            self.token = false;
        }
        if let Some(settler) = &mut self.settler {
            settler.handle_reply(clock, reply);
        }
    }

    /// Returns `true` if it believes that it holds the lock.
    #[must_use]
    pub fn holds(&self, clock: Duration) -> bool {
        self.settler.is_some() && self.lease.is_some_and(|until| clock < until)
    }
}
