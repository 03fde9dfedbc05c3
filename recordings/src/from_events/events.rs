//! Which message each event becomes.

use pricetime_engine::{Event, Header, Outcome, Phase, Quantity, Side, Sink, TradeNumber};

use super::market::{Amended, Fill, Order};
use super::{FromEvents, LeftOut};
use crate::venue::{TradingState, VenueEvent};

impl Sink for FromEvents {
    #[inline]
    fn begin(&mut self, header: &Header) {
        self.header = Some((header.sequence, header.timestamp, header.market));
        if self.current.as_ref().is_none_or(|(id, _)| *id != header.market) {
            self.turn_to(header.market);
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Accepted { account, place, priority } => {
                self.accepted(Order::of(*account, place, *priority), place);
            }
            Event::Traded {
                maker,
                taker,
                price,
                quantity,
                maker_remaining,
                taker_remaining,
                number: TradeNumber(_),
                taker_side: Side::Buy | Side::Sell,
            } => {
                let (price, quantity) = (*price, *quantity);
                let fill = |open: &Quantity| Fill { price, quantity, open: *open, cross: false };
                self.traded(maker, taker, [maker_remaining, taker_remaining].map(fill));
            }
            Event::Reduced { party, remaining, shown, .. } => {
                self.reduced(party.order, *remaining, *shown);
            }
            Event::Amended { party, kind, remaining, shown, priority } => {
                let (price, open) = (kind.price(), *remaining);
                let now = Amended { price, open, shown: *shown, priority: *priority };
                self.amended(party.order, now);
            }
            Event::Cancelled { party, .. } => self.cancelled(party.order),
            Event::Triggered { party, priority } => self.triggered(party.order, *priority),
            Event::Replenished { party, remaining, shown, priority } => {
                let (price, open) = (None, *remaining);
                let now = Amended { price, open, shown: *shown, priority: *priority };
                self.replenished(party.order, now);
            }
            Event::PhaseChanged { to, .. } => {
                self.settle();
                self.emit(VenueEvent::StateChanged(match to {
                    Phase::Continuous => TradingState::Trading,
                    Phase::Call => TradingState::Quoting,
                    Phase::Halted | Phase::Closed => TradingState::Halted,
                }));
            }
            Event::EpochClosed(_) => {
                self.settle();
                self.counted.add(LeftOut::Epoch);
            }
            Event::MarketAdded(spec) => self.listed(spec),
            Event::MarketRemoved => self.current = None,
            Event::MarketSet(_) | Event::AccountBlocked(_) | Event::AccountUnblocked(_) => {
                self.counted.add(LeftOut::Rule);
            }
            Event::Rejected { .. } | Event::Duplicate { .. } => {
                self.counted.add(LeftOut::NotExecuted);
            }
        }
    }

    fn end(&mut self, _: Outcome) {
        self.settle();
    }
}
