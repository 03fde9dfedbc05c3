//! How messages of an exchange become commands of the engine.
//!
//! | message | [`Mode::Reconstruct`] | [`Mode::Rematch`] |
//! |---|---|---|
//! | `Listed` | adds a market, phase Call | adds a market, phase Continuous |
//! | `StateChanged` | – | phase Continuous if it trades, otherwise Call |
//! | `Rested`, `Added` | places a limit order | the same |
//! | `Rested` of a live order | puts the order behind the others at its price | the same |
//! | `Reduced`, `Vanished` | reduces the order, or cancels it | the same, if its open quantity is what the exchange says |
//! | `Deleted` | cancels the order | the same |
//! | `Replaced`, same number and side | amends the order | the same |
//! | `Replaced` otherwise | cancels the order, places the new one | the same |
//! | `Executed` | reduces the order, or cancels it | becomes part of the aggressor's order |
//! | `Executed` in a cross or a halt | reduces the order, or cancels it | the same |
//! | `Cleared` | cancels all orders | the same |
//! | `HiddenExecuted`, `Crossed`, `TradeBroken`, `DayPart` | – | – |
//!
//! **Reconstruct.** The engine's book equals the exchange's after every message. In phase Call nothing
//! matches, even if the exchange's book is crossed during a halt.
//!
//! **Rematch.** Executions at one time on one side that follow each other come from one aggressor. Its
//! order has the sum of their quantities and the worst of their orders' limit prices. If the next message adds an
//! order of this time and side that reaches this price, it is the rest: the order is placed with the
//! limit and the number of the rest, and with both quantities. Otherwise it is immediate-or-cancel. Commands
//! follow from the recording alone, whatever the engine does with them. So if the engine fills another
//! order than the exchange did, the cancel of that order is refused later, and the order that the exchange
//! filled is left over: it is offered to [`CommandSink::leftover`].
//!
//! **Orders without a message.** If the format says what rested at the beginning, or what came into view
//! later (`Rested`), each price is one order, and what happens to unknown orders there is taken from it.
//! Otherwise messages about an unknown order become no command. They are counted. In Rematch an execution of
//! an unknown order is not part of the aggressor's order, because that would fill another order instead.
//! `Rested` and `Vanished` say what was so before, so they do not end an aggressor's order, unless it has already
//! reached their price.

use pricetime_engine::{Action, Phase, Quantity};

use crate::venue::{TradingState, VenueEvent, VenueMessage};
use crate::venue_book::{Change, VenueOrder};

mod aggressor;
mod issue;
mod markets;
mod sink;

use aggressor::{Aggressor, Pending, Rest};
use issue::{Issue, Moment, account};
use markets::Markets;
pub use sink::{CommandSink, Execution, Unmatched};

/// What the commands are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The book follows the exchange's. Its executions reduce the orders that rested, and nothing matches.
    Reconstruct,
    /// Only orders, changes and cancels go in, and the engine matches.
    Rematch,
}

/// Turns messages of an exchange into commands. Its memory is proportional to the number of live orders and
/// instruments.
///
/// ```
/// use pricetime_engine::{Command, Engine, MarketId, Price, Quantity, Side};
/// use pricetime_recordings::{Commands, Mode, Source, VenueReader as _, lobster};
///
/// let text = b"34200.1,1,7,100,5853300,1\n34200.2,1,8,50,5853200,1\n34200.3,4,7,60,5853300,1\n";
/// let source = Source::of("AAPL_message.csv", text.as_slice())?;
/// let mut reader = lobster::Reader::new(source, lobster::Options::default());
/// let (mut commands, mut list) = (Commands::new(Mode::Reconstruct), Vec::<Command>::new());
/// while let Some(message) = reader.next()? {
///     commands.apply(&message, &mut list);
/// }
/// commands.finish(&mut list);
///
/// let mut engine = Engine::new(1);
/// for command in &list {
///     engine.apply(command, &mut ());
/// }
/// let best = engine.market(MarketId(1)).and_then(|book| book.best(Side::Buy)).expect("a bid");
/// assert_eq!((best.price, best.quantity), (Price(5_853_300), Quantity(40)));
/// # Ok::<(), pricetime_recordings::RecordingError>(())
/// ```
#[derive(Debug)]
pub struct Commands {
    mode: Mode,
    markets: Markets,
    issue: Issue,
    pending: Pending,
    counts: Counts,
}

/// What was found in a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All messages.
    pub messages: u64,
    /// Messages about an instrument that was not listed. They became no command.
    pub unlisted: u64,
    /// Messages about an order that was not in the book. They became no command.
    pub unknown_orders: u64,
    /// Orders that got the number of a live order. A new order replaced it, and a replacement was ignored.
    pub duplicate_orders: u64,
    /// Reductions and executions of more than an order had. They ended it.
    pub excessive: u64,
}

impl Commands {
    /// Starts with command number 1 and market 1.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let (markets, issue) = (Markets::default(), Issue::new(mode == Mode::Rematch));
        Self { mode, markets, issue, pending: Pending::default(), counts: Counts::default() }
    }

    /// What was found so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Sends the commands that follow from a message. An aggressor's order waits for the message after it.
    #[inline]
    pub fn apply(&mut self, message: &VenueMessage, sink: &mut impl CommandSink) {
        self.counts.messages += 1;
        if let VenueEvent::Listed(_) | VenueEvent::DayPart(_) = message.event {
            self.finish(sink);
            self.list(message, sink);
            return;
        }
        let Some(market) = self.markets.get(message.instrument) else {
            self.counts.unlisted += 1;
            return;
        };
        let at = Moment { time: message.time, market: market.id };
        let change = market.book.apply(&message.event);
        self.counts.add(&message.event, &change);
        match self.mode {
            Mode::Reconstruct => self.issue.follow(at, change, sink),
            Mode::Rematch => self.rematch(message, at, change, sink),
        }
    }

    /// Sends the aggressor's order that waits. Call this after the last message.
    pub fn finish(&mut self, sink: &mut impl CommandSink) {
        if self.pending.is_open() {
            self.pending.send(&mut self.issue, None, sink);
        }
    }

    fn list(&mut self, message: &VenueMessage, sink: &mut impl CommandSink) {
        let VenueEvent::Listed(instrument) = &message.event else { return };
        let Some((market, spec)) = self.markets.add(message.instrument, instrument) else { return };
        let at = Moment { time: message.time, market };
        let phase = match self.mode {
            Mode::Reconstruct => Phase::Call,
            Mode::Rematch => Phase::Continuous,
        };
        sink.command(&self.issue.operator(at, Action::AddMarket(spec)));
        sink.command(&self.issue.operator(at, Action::SetPhase(phase)));
    }

    fn rematch(
        &mut self,
        message: &VenueMessage,
        at: Moment,
        change: Change,
        sink: &mut impl CommandSink,
    ) {
        match (message.event, change) {
            (VenueEvent::HiddenExecuted { .. } | VenueEvent::Executed { .. }, _) => {
                self.execution(message, at, change, sink);
            }
            (VenueEvent::Added { order, side, price, .. }, Change::Placed { order: id, now })
                if self.pending.is_rest(at, order, side, price) =>
            {
                let (quantity, account) = (now.open, account(now.account));
                let rest = Rest { order: id, price, quantity, account };
                self.pending.send(&mut self.issue, Some(rest), sink);
            }
            (
                VenueEvent::Rested { side, price, .. } | VenueEvent::Vanished { side, price, .. },
                _,
            ) if !self.pending.has_reached(side, price) => {
                self.issue.follow(at, change, sink);
            }
            (VenueEvent::StateChanged(state), _) => {
                self.finish(sink);
                self.change_state(message, at, state, sink);
            }
            _ => {
                self.finish(sink);
                self.issue.follow(at, change, sink);
            }
        }
    }

    /// Makes an execution a part of the aggressor's order, if it has one.
    fn execution(
        &mut self,
        message: &VenueMessage,
        at: Moment,
        change: Change,
        sink: &mut impl CommandSink,
    ) {
        if self.pending.is_open() && !self.pending.is_at(at) {
            self.finish(sink);
        }
        let Some((execution, aggressor)) = execution_of(message) else { return };
        let Change::Shrunk { order, before, by } = change else {
            let hidden = matches!(message.event, VenueEvent::HiddenExecuted { .. });
            let why = if hidden { Unmatched::Hidden } else { Unmatched::Unknown };
            sink.unmatched(&execution, why);
            return;
        };
        let price = execution.price.or(Some(before.price));
        let (order, limit) = (Some(order), Some(before.price));
        let execution = Execution { order, limit, price, ..execution };
        let market = self.markets.get(message.instrument);
        let cross = matches!(message.event, VenueEvent::Executed { cross: true, .. });
        if cross || market.as_ref().is_none_or(|it| !it.trades) {
            self.finish(sink);
            self.issue.follow(at, change, sink);
            sink.unmatched(&execution, Unmatched::Cross);
            return;
        }
        // An order that was live before it hit others still has its number in the engine.
        let order = aggressor
            .filter(|it| market.is_none_or(|market| market.book.order(it.get()).is_none()));
        let VenueOrder { side, price: worst, .. } = before;
        let next = Aggressor { at, side: side.opposite(), order, worst, quantity: by };
        if self.pending.is_open() && !self.pending.continues(&next) {
            self.finish(sink);
        }
        let filled =
            execution.order.filter(|_| by == before.open).map(|it| (it, account(before.account)));
        self.pending.add(next, execution, filled);
    }

    fn change_state(
        &mut self,
        message: &VenueMessage,
        at: Moment,
        state: TradingState,
        sink: &mut impl CommandSink,
    ) {
        let trades = state == TradingState::Trading;
        let Some(market) = self.markets.get(message.instrument) else { return };
        if market.trades != trades {
            market.trades = trades;
            let phase = if trades { Phase::Continuous } else { Phase::Call };
            sink.command(&self.issue.operator(at, Action::SetPhase(phase)));
        }
    }
}

/// The execution that a message reports, as far as the message alone tells, and the aggressor's number.
fn execution_of(message: &VenueMessage) -> Option<(Execution, Option<std::num::NonZeroU64>)> {
    let number = message.number;
    let none =
        Execution { number, order: None, limit: None, price: None, quantity: Quantity::ZERO };
    if let VenueEvent::Executed { quantity, price, aggressor, .. } = message.event {
        return Some((Execution { price, quantity, ..none }, aggressor));
    }
    let VenueEvent::HiddenExecuted { price, quantity, .. } = message.event else { return None };
    Some((Execution { price: Some(price), quantity, ..none }, None))
}

impl Counts {
    fn add(&mut self, event: &VenueEvent, change: &Change) {
        match change {
            Change::Unknown => self.unknown_orders += 1,
            Change::Moved { .. } if matches!(event, VenueEvent::Added { .. }) => {
                self.duplicate_orders += 1
            }
            Change::Shrunk { by, .. } => {
                if let VenueEvent::Reduced { quantity, .. } | VenueEvent::Executed { quantity, .. } =
                    event
                    && quantity > by
                {
                    self.excessive += 1;
                }
            }
            Change::None if matches!(event, VenueEvent::Replaced { order, new_order, .. } if order != new_order) => {
                self.duplicate_orders += 1
            }
            Change::None | Change::Moved { .. } | Change::Placed { .. } | Change::Cleared => {}
        }
    }
}

#[cfg(test)]
mod tests;
