//! Random commands that do real work. Every seed has its own [`Profile`], looks at the state to choose
//! useful commands, and sometimes sends arbitrary ones.
//!
//! A seed's run is the same on every machine, however many of its commands are used.

pub mod profile;
pub mod tally;

mod markets;
mod noise;
mod orders;

use std::collections::VecDeque;
use std::num::NonZeroU32;

use pricetime_engine::{
    AccountId, Action, ActionKind, Command, EngineSnapshot, EpochNumber, MarketId, MarketSnapshot,
    OrderRecord, Phase, RequestId, Sequence, SessionId, Side, Timestamp, Until,
};

pub use pricetime_journal::random;

use profile::{Profile, Theme};
use random::Random;

/// One of a few sessions.
fn session(random: &mut Random) -> SessionId {
    SessionId(NonZeroU32::MIN.saturating_add(random.below(4) as u32))
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A command, after which the whole state is compared.
    Apply(Command),
    /// Commands in sequence, without a comparison in between.
    Batch(Vec<Command>),
    /// Replaces the engine with one that is restored from its snapshot.
    Restore,
}

/// The commands of one seed.
#[derive(Clone, Debug)]
pub struct Generator {
    profile: Profile,
    random: Random,
    issued: usize,
    sequence: u64,
    clock: u64,
    requests: u64,
    symbols: u64,
    centre: i64,
    recent_requests: VecDeque<Command>,
}

/// A command without sequence number and timestamp.
struct Draft {
    market: MarketId,
    account: AccountId,
    operator: bool,
    action: Action,
}

const RECENT_REQUESTS_MAX: usize = 8;

impl Generator {
    /// Starts the commands of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let profile = Profile::generate(&mut random);
        let clock = random.pick([0, 1_700_000_000_000_000_000]);
        Self {
            centre: profile.prices.centre,
            profile,
            random,
            issued: 0,
            sequence: 0,
            clock,
            requests: 0,
            symbols: 0,
            recent_requests: VecDeque::new(),
        }
    }

    /// The profile of the seed.
    #[must_use]
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The next step, based on a state that may be a few commands old. Returns `None` at the end of the
    /// run.
    pub fn step(&mut self, seen: &EngineSnapshot) -> Option<Step> {
        let left = self.left();
        if left == 0 {
            return None;
        }
        if self.random.once_in(self.profile.restore_once_in) {
            return Some(Step::Restore);
        }
        if self.random.once_in(self.profile.batch_once_in) {
            let many = self.random.within(2, 40).min(left as u64);
            return Some(Step::Batch((0..many).map(|_| self.command(seen)).collect()));
        }
        Some(Step::Apply(self.command(seen)))
    }

    /// The number of commands left.
    fn left(&self) -> usize {
        self.profile.length.saturating_sub(self.issued)
    }

    fn command(&mut self, seen: &EngineSnapshot) -> Command {
        self.issued += 1;
        let (sequence, timestamp) = self.stamps(seen);
        let repeat = self.random.chance(self.profile.repeat_percent);
        let earlier = self.random.any(self.recent_requests.make_contiguous()).copied();
        if let Some(mut again) = earlier.filter(|_| repeat) {
            if self.random.chance(40) {
                again.action = self.draft(seen).action;
            }
            return Command { sequence, timestamp, ..again };
        }
        let draft = if self.random.below(1_000) < self.profile.noise_per_mille {
            self.noise(seen)
        } else {
            self.draft(seen)
        };
        let command = Command {
            sequence,
            timestamp,
            market: draft.market,
            account: draft.account,
            operator: draft.operator,
            request: self.request(),
            action: draft.action,
            session: self.random.maybe(30, session),
        };
        if command.request.is_some() {
            self.recent_requests.truncate(RECENT_REQUESTS_MAX - 1);
            self.recent_requests.push_front(command);
        }
        command
    }

    fn request(&mut self) -> Option<RequestId> {
        if !self.random.chance(self.profile.request_percent) {
            return None;
        }
        self.requests += 1;
        let back = if self.random.chance(4) { self.random.below(10) } else { 0 };
        let number = u128::from(self.requests.saturating_sub(back));
        Some(RequestId(number << (number % 3 * 40)))
    }

    /// The sequence number and timestamp: usually the next number and a slightly later time. At the end of
    /// some runs, the last numbers of the types.
    fn stamps(&mut self, seen: &EngineSnapshot) -> (Sequence, Timestamp) {
        let left = self.left() as u64;
        if self.profile.ends_at_last_numbers && left < 20 {
            self.sequence = u64::MAX - left;
            self.clock = self.clock.max(u64::MAX - left / 2);
            return (Sequence(self.sequence), Timestamp(self.clock));
        }
        let ahead = match self.random.below(100) {
            0..30 => 0,
            30..95 => self.random.within(1, 20),
            95..99 => self.until_next_expiry(seen),
            _ => self.random.pick([100, 1_000, 1 << 40]),
        };
        self.clock = self.clock.saturating_add(ahead);
        let back = self.random.maybe(4, |r| r.pick([1, 5, 30, u64::MAX]));
        let timestamp = Timestamp(self.clock.saturating_sub(back.unwrap_or(0)));
        if self.random.once_in(150) {
            let back = self.random.pick([0, 0, 1, 3, u64::MAX]);
            return (Sequence(self.sequence.saturating_sub(back)), timestamp);
        }
        let gap = self.random.maybe(1, |r| r.below(5));
        self.sequence += 1 + gap.unwrap_or(0);
        (Sequence(self.sequence), timestamp)
    }

    /// The time until the first live order expires, or one nanosecond less.
    fn until_next_expiry(&mut self, seen: &EngineSnapshot) -> u64 {
        let due = |order: &OrderRecord| match order.until {
            Until::Time(time) => Some(time.0),
            Until::Cancelled | Until::Immediate | Until::Filled | Until::Epoch(_) => None,
        };
        let next = seen.markets.iter().flat_map(live).filter_map(due).min();
        let ahead = next.map_or(0, |next| next.saturating_sub(self.clock));
        ahead.saturating_sub(self.random.below(2)).min(1 << 20)
    }

    /// A command that is mostly sensible.
    fn draft(&mut self, seen: &EngineSnapshot) -> Draft {
        let Some(market) = self.random.any(&seen.markets) else {
            return self.add_market(seen);
        };
        if self.profile.ends_at_last_numbers && self.left() == 0 {
            let number = market.head.epoch;
            return self.by_operator(market, Action::CloseEpoch { number });
        }
        let phase = market.head.phase;
        let kind = match phase {
            Phase::Closed if self.random.chance(50) => ActionKind::SetPhase,
            Phase::Closed if self.random.chance(10) => ActionKind::RemoveMarket,
            Phase::Closed if self.random.chance(5) => ActionKind::CancelAll,
            Phase::Closed if self.random.chance(5) => ActionKind::CancelSession,
            Phase::Halted if self.random.chance(25) => ActionKind::SetPhase,
            Phase::Continuous | Phase::Call | Phase::Halted | Phase::Closed => {
                self.random.weighted(&self.profile.actions)
            }
        };
        let mut draft = self.action(seen, market, kind);
        if self.random.once_in(100) {
            draft.market = MarketId(self.random.below(6) as u32);
        }
        draft
    }

    fn action(
        &mut self,
        seen: &EngineSnapshot,
        market: &MarketSnapshot,
        kind: ActionKind,
    ) -> Draft {
        match kind {
            ActionKind::AddMarket => self.add_market(seen),
            ActionKind::SetMarket => {
                let terms = if self.random.chance(10) {
                    market.head.spec.terms
                } else {
                    self.terms(market.head.spec.quantity_max)
                };
                self.by_operator(market, Action::SetMarket(terms))
            }
            ActionKind::RemoveMarket => self.by_operator(market, Action::RemoveMarket),
            ActionKind::Place => {
                let place = self.place(market);
                let account = self.account();
                self.by_user(market, account, Action::Place(place))
            }
            ActionKind::Amend => {
                let (account, amend) = self.amend(market);
                self.by_user(market, account, Action::Amend(amend))
            }
            ActionKind::Cancel => {
                let (account, order) = self.target(market);
                self.by_user(market, account, Action::Cancel { order })
            }
            ActionKind::CancelAll => self.cancel_all(market),
            ActionKind::CancelSession => {
                let session = self.random.maybe(80, session);
                self.by_operator(market, Action::CancelSession { session })
            }
            ActionKind::SetPhase => {
                let phase = self.random.weighted(&self.profile.phases);
                self.by_operator(market, Action::SetPhase(phase))
            }
            ActionKind::CloseEpoch => {
                let away = self.random.maybe(8, |r| r.pick([1, 2, u64::MAX]));
                let number = market.head.epoch.0.wrapping_add(away.unwrap_or(0));
                let number = EpochNumber(number);
                self.by_operator(market, Action::CloseEpoch { number })
            }
            ActionKind::AdvanceTime => self.by_operator(market, Action::AdvanceTime),
            ActionKind::BlockAccount => {
                // Includes accounts that do not trade, so that the list fills up while trading continues.
                let chosen = self.random.within(1, self.profile.accounts + 6);
                self.by_operator(market, Action::BlockAccount(account(chosen)))
            }
            ActionKind::UnblockAccount => {
                let blocked = self.random.any(&market.blocked).copied();
                let chosen = blocked.unwrap_or_else(|| self.account());
                self.by_operator(market, Action::UnblockAccount(chosen))
            }
        }
    }

    fn cancel_all(&mut self, market: &MarketSnapshot) -> Draft {
        let side = self.random.pick([None, Some(Side::Buy), Some(Side::Sell)]);
        let sender = self.account();
        let account = self.random.pick([Some(sender), Some(sender), None]);
        let action = Action::CancelAll { account, side };
        if account.is_none() {
            self.by_operator(market, action)
        } else if self.random.chance(80) {
            self.by_user(market, sender, action)
        } else {
            let other = self.account();
            self.by_user(market, other, action)
        }
    }

    fn by_user(&mut self, market: &MarketSnapshot, account: AccountId, action: Action) -> Draft {
        Draft { market: market.head.market, account, operator: self.random.chance(3), action }
    }

    fn by_operator(&mut self, market: &MarketSnapshot, action: Action) -> Draft {
        Draft {
            market: market.head.market,
            account: self.account(),
            operator: self.random.chance(96),
            action,
        }
    }

    fn account(&mut self) -> AccountId {
        account(self.random.within(1, self.profile.accounts))
    }

    fn has_theme(&self, theme: Theme) -> bool {
        self.profile.theme == theme
    }
}

/// Accounts differ in the low half of their ids, in the high half, or in both.
fn account(number: u64) -> AccountId {
    AccountId(u128::from(number) << (number % 3 * 50))
}

/// All live orders of a market.
fn live(market: &MarketSnapshot) -> impl Iterator<Item = &OrderRecord> {
    market.resting.iter().chain(&market.waiting)
}
