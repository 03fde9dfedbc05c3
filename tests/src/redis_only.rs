//! The deterministic behavior of a host without a data folder. The same commands are executed in a second
//! engine, which determines the states that Redis may contain.

use std::collections::BTreeMap;

use pricetime::{Clock, Draft};
use pricetime_engine::{
    AccountId, Action, Command, Engine, EngineSnapshot, Event, Group, MarketId, MarketSnapshot,
    MarketSpec, Phase, Sequence, Symbol, Timestamp,
};
use pricetime_redis::{AllImages, TradeRecord, Trades};

use crate::load;

/// The number of commands after which the epochs of all markets close.
pub const EPOCH: u64 = 97;
/// The constant time of the clock.
const TIME: Timestamp = Timestamp(1_700_000_000_000_000_000);
/// The number of markets.
const MARKETS: u32 = 2;

/// A clock that stands still.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&mut self) -> Timestamp {
        TIME
    }
}

/// The command of a number. Some commands add and open the markets, which a crash may take back.
///
/// # Panics
/// Never panics: the symbol is valid.
#[must_use]
pub fn draft(seed: u64, number: u64) -> Draft {
    let market = MarketId(u32::try_from(number % u64::from(MARKETS)).unwrap_or(0) + 1);
    let action = match number % 400 / u64::from(MARKETS) {
        0 => {
            let symbol = Symbol::new(&format!("M{market}")).expect("a symbol");
            Action::AddMarket(MarketSpec { symbol, ..load::spec() })
        }
        1 => Action::SetPhase(Phase::Continuous),
        50 if number.is_multiple_of(3) => Action::SetPhase(Phase::Call),
        _ => return Draft { market, ..load::draft(seed, number) },
    };
    Draft { market, account: AccountId(1), operator: true, request: None, action, session: None }
}

/// A state to which a market may be restored.
#[derive(Clone, Debug)]
struct EpochEnd {
    state: MarketSnapshot,
    /// The number of trades up to then.
    trades: usize,
}

/// The same commands, executed in a second engine.
#[derive(Debug)]
pub struct ReferenceRun {
    engine: Engine,
    trades: BTreeMap<MarketId, Vec<TradeRecord>>,
    /// The states at the ends of epochs, and the initial state of each market.
    ends: BTreeMap<MarketId, Vec<EpochEnd>>,
    /// The state in Redis at the start; it may not have been rewritten yet.
    initial: Option<AllImages>,
}

impl ReferenceRun {
    /// Starts with the state in Redis.
    ///
    /// # Panics
    /// Panics if an engine cannot restore that state.
    #[must_use]
    pub fn new(initial: Option<AllImages>, markets_max: u32) -> Self {
        let mut engine = Engine::new(markets_max);
        let mut trades = BTreeMap::new();
        if let Some(whole) = &initial {
            engine.restore(&whole.state).expect("a state that keeps every rule");
            let all = |trades: &Trades| trades.iter().copied().collect();
            trades = whole.trades.iter().map(|(market, kept)| (*market, all(kept))).collect();
        }
        let mut reference = Self { engine, trades, ends: BTreeMap::new(), initial };
        let markets: Vec<_> = reference.engine.markets().map(|book| book.head().market).collect();
        for market in markets {
            reference.end(market);
        }
        reference
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> EngineSnapshot {
        self.engine.snapshot()
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Executes the commands from `first` on until the sequence reaches `sequence`, and closes epochs by
    /// the number of commands, as a host does.
    pub fn until(&mut self, sequence: Sequence, seed: u64, first: u64) {
        let numbers = first..;
        for (count, number) in (1_u64..).zip(numbers) {
            if self.engine.last_sequence() >= sequence {
                return;
            }
            self.carry_out(draft(seed, number));
            if count.is_multiple_of(EPOCH) {
                let heads: Vec<_> = self.engine.markets().map(|book| *book.head()).collect();
                for head in heads {
                    let (market, account) = (head.market, AccountId(0));
                    let action = Action::CloseEpoch { number: head.epoch };
                    let draft = Draft {
                        market,
                        account,
                        operator: true,
                        request: None,
                        action,
                        session: None,
                    };
                    self.carry_out(draft);
                }
            }
        }
    }

    /// Executes a command.
    ///
    /// # Panics
    /// Never panics: every command makes a group.
    pub fn carry_out(&mut self, draft: Draft) -> Group {
        let Draft { market, account, operator, request, action, session } = draft;
        let sequence = Sequence(self.engine.last_sequence().0 + 1);
        let head = self.engine.market(market).map(|book| *book.head());
        let timestamp = TIME;
        let command =
            Command { sequence, timestamp, market, account, operator, request, action, session };
        let mut groups: Vec<Group> = Vec::new();
        self.engine.apply(&command, &mut groups);
        let group = groups.pop().expect("a group");
        if let Some(head) = head {
            // Within one command, nothing trades after the end of an epoch.
            let (fees, events) = (head.spec.terms.fees, group.events.iter());
            let trades =
                events.filter_map(|it| TradeRecord::of(&group.header, it, head.epoch, fees));
            self.trades.entry(market).or_default().extend(trades);
        }
        let ends = |event: &Event| matches!(event, Event::EpochClosed(_) | Event::MarketAdded(_));
        if group.events.iter().any(ends) {
            self.end(market);
        }
        group
    }

    fn end(&mut self, market: MarketId) {
        let snapshot = self.engine.snapshot();
        let trades = self.trades.get(&market).map_or(0, Vec::len);
        let state = snapshot.markets.into_iter().find(|it| it.head.market == market);
        if let Some(state) = state {
            self.ends.entry(market).or_default().push(EpochEnd { state, trades });
        }
    }

    /// Compares a market's state in Redis with the permitted ones.
    ///
    /// # Panics
    /// Panics unless it is the state at the end of an epoch, with exactly the trades up to then.
    pub fn check(&self, found: &MarketSnapshot, trades: &Trades) {
        let market = found.head.market;
        if let Some(initial) = &self.initial
            && initial.state.markets.contains(found)
            && initial.trades.get(&market).unwrap_or(&Trades::default()) == trades
        {
            return;
        }
        let end = self.ends.get(&market).into_iter().flatten().rev().find(|it| it.state == *found);
        let (sequence, epoch) = (found.head.last_sequence, found.head.epoch);
        let end = end.unwrap_or_else(|| {
            panic!("market {market}, epoch {epoch}, command {sequence}: not the end of an epoch")
        });
        let all = self.trades.get(&market).map_or(&[][..], Vec::as_slice);
        assert!(trades.iter().eq(all.iter().take(end.trades)), "market {market}: the trades");
    }
}
