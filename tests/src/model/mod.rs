//! The reference model: the rules of matching a second time, as plainly as possible.
//!
//! A market is one list of orders, resting orders and waiting stops together, in no particular order.
//! Whenever the rules need the first, the best or the oldest order, the model searches the list. To find
//! out what would happen, it executes the command on a copy. No derived state has to be kept consistent:
//! the code states the rules directly, or it is wrong.
//!
//! The model uses only the types of the core: commands, events and records.

mod amend;
mod auction;
mod book;
mod continuous;
mod epoch;
mod market;
mod place;
mod stops;
#[cfg(test)]
mod tests;

use pricetime_engine::{
    Action, Clearing, Command, EngineSnapshot, Event, Group, Header, MarketId, MarketSpec, Outcome,
    Phase, Price, Quantity, Reason, RequestMark, Sequence, Side, Timestamp, rules,
};

use crate::Core;
use market::{Market, operator, refuse_if};

/// The naive engine.
#[derive(Clone, Debug)]
pub struct Model {
    markets_max: u32,
    last_sequence: Sequence,
    last_timestamp: Timestamp,
    last_market: MarketId,
    markets: Vec<Market>,
}

/// The result of a command.
type Answer = (Vec<Event>, Outcome);

impl Core for Model {
    fn apply(&mut self, command: &Command) -> Group {
        let now = command.timestamp.max(self.last_timestamp);
        let request =
            command.request.map(|id| RequestMark { id, content: command.action.fingerprint() });
        let (events, outcome) = self.answer(command, now);
        let header = Header {
            sequence: command.sequence,
            timestamp: now,
            market: command.market,
            account: command.account,
            request,
            session: command.session,
            kind: command.action.kind(),
        };
        Group { header, events, outcome }
    }

    fn snapshot(&self) -> EngineSnapshot {
        EngineSnapshot {
            rules_version: rules::VERSION,
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            last_market: self.last_market,
            // Ids only increase, so the markets are in the order in which they were added.
            markets: self.markets.iter().map(Market::snapshot).collect(),
        }
    }
}

impl Model {
    /// Creates a model without markets that accepts up to `markets_max` of them.
    #[must_use]
    pub fn new(markets_max: u32) -> Self {
        Self {
            markets_max,
            last_sequence: Sequence(0),
            last_timestamp: Timestamp(0),
            last_market: MarketId(0),
            markets: Vec::new(),
        }
    }

    /// The limit orders of a side by price, best first: the price, the visible quantity at it, and the
    /// number of orders.
    #[must_use]
    pub fn levels(&self, market: MarketId, side: Side) -> Vec<(Price, Quantity, u32)> {
        let at = self.find(market);
        at.map_or_else(Vec::new, |at| self.markets[at].book.levels(side))
    }

    /// What an uncross would do now. Returns `None` outside of Call.
    #[must_use]
    pub fn indicative(&self, market: MarketId) -> Option<Clearing> {
        let book = &self.markets[self.find(market)?].book;
        let call = book.head.phase == Phase::Call;
        call.then(|| book.clearing()).flatten()
    }

    /// The number of live orders in all markets.
    #[must_use]
    pub fn live(&self) -> usize {
        self.markets.iter().map(|m| m.book.orders.len()).sum()
    }

    fn find(&self, market: MarketId) -> Option<usize> {
        self.markets.iter().position(|m| m.book.head.market == market)
    }

    /// Executes a command in the order that `engine/RULES.md` gives.
    fn answer(&mut self, command: &Command, now: Timestamp) -> Answer {
        let late = command.sequence <= self.last_sequence;
        let found = self.find(command.market);
        let spec = if let Action::AddMarket(spec) = &command.action { Some(spec) } else { None };
        if !late {
            self.last_sequence = command.sequence;
            self.last_timestamp = now;
        }
        match (found, spec) {
            (None, None) => refusal(command, None, Reason::UnknownMarket),
            _ if late => refusal(command, None, Reason::OutOfSequence),
            (Some(at), _) => self.answer_in_market(at, command, now),
            (None, Some(spec)) => self.add_market(command, spec),
        }
    }

    /// Expires orders, then handles a duplicate or executes the command, then updates the window.
    fn answer_in_market(&mut self, at: usize, command: &Command, now: Timestamp) -> Answer {
        let market = &mut self.markets[at];
        market.book.begin(command.sequence);
        market.book.expire(now);
        if let Some(duplicate) = market.duplicate(command) {
            market.book.events.push(duplicate);
            return (market.book.take_events(), Outcome::Duplicate);
        }
        let done = market.carry_out(command, now);
        let mut events = market.book.take_events();
        let outcome = match done {
            Ok(()) => Outcome::Accepted,
            Err(reason) => {
                let (rejected, outcome) = refusal(command, Some(market), reason);
                events.extend(rejected);
                outcome
            }
        };
        market.remember(command, outcome);
        if outcome == Outcome::Accepted && command.action == Action::RemoveMarket {
            self.markets.remove(at);
        }
        (events, outcome)
    }

    /// AddMarket under an id that no current market has.
    fn add_market(&mut self, command: &Command, spec: &MarketSpec) -> Answer {
        if let Err(reason) = self.check_new_market(command, spec) {
            return refusal(command, None, reason);
        }
        self.last_market = command.market;
        let mut market = Market::new(command, spec);
        market.remember(command, Outcome::Accepted);
        self.markets.push(market);
        (vec![Event::MarketAdded(*spec)], Outcome::Accepted)
    }

    fn check_new_market(&self, command: &Command, spec: &MarketSpec) -> Result<(), Reason> {
        let mut books = self.markets.iter().map(|m| &m.book);
        let symbol_taken = books.any(|b| b.head.spec.symbol == spec.symbol);
        let count = u64::try_from(self.markets.len()).unwrap_or(u64::MAX);
        operator(command)?;
        refuse_if(command.market.0 == 0, Reason::ZeroMarketId)?;
        refuse_if(command.market <= self.last_market, Reason::UsedMarketId)?;
        refuse_if(symbol_taken, Reason::MarketExists)?;
        refuse_if(market::is_bad(spec), Reason::BadSpec)?;
        refuse_if(count >= u64::from(self.markets_max), Reason::MarketsFull)
    }
}

/// A `Rejected` event with the order that the command named. It contains the order's reference if the
/// sender may know it. `market` is the market that refused the command, if one was found.
fn refusal(command: &Command, market: Option<&Market>, reason: Reason) -> Answer {
    let (order, reference) = match command.action {
        Action::Place(place) => (Some(place.order), Some(place.reference)),
        Action::Amend(amend) => {
            let live = market.and_then(|m| m.book.get(amend.order));
            let own = live.filter(|o| o.party.account == command.account);
            (Some(amend.order), own.map(|o| o.party.reference))
        }
        Action::Cancel { order } => (Some(order), None),
        Action::AddMarket(_)
        | Action::SetMarket(_)
        | Action::RemoveMarket
        | Action::CancelAll { .. }
        | Action::CancelSession { .. }
        | Action::SetPhase(_)
        | Action::CloseEpoch { .. }
        | Action::AdvanceTime
        | Action::BlockAccount(_)
        | Action::UnblockAccount(_) => (None, None),
    };
    let rejected = Event::Rejected { order, reference, reason };
    (vec![rejected], Outcome::Rejected(reason))
}
