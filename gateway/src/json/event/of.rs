//! From the core's events and records to lines.

use pricetime_engine::{
    Clearing, EpochSummary, Event, MarketId, MarketSpec, OrderRecord, Outcome, Party, Price,
    Quantity, SideSummary, Until,
};
use uuid::Uuid;

use super::super::convert::{Units, kind_line, shown, time_in_force_line};
use super::super::market::{MarketSpecLine, TermsLine};
use super::super::value::Time;
use super::{
    ClearingLine, EpochLine, EventLine, OrderLine, OutcomeLine, PartyLine, SideLine, UntilLine,
};

impl EventLine {
    /// The line of an event in `market`, which `spec` describes.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    pub fn of(event: &Event, market: MarketId, spec: &MarketSpec) -> Self {
        let units = Units(spec);
        let price = |price: Price| units.show_price(price);
        let quantity = |lots| units.show_quantity(lots);
        match event {
            Event::Accepted { account, place, priority } => {
                let (r#type, price, stop) = kind_line(place.kind, spec);
                Self::Accepted {
                    order: place.order.into(),
                    account: (*account).into(),
                    reference: place.reference,
                    side: place.side,
                    r#type,
                    price,
                    stop,
                    quantity: quantity(place.quantity),
                    time_in_force: time_in_force_line(place.time_in_force),
                    display_quantity: place.display_quantity.map(quantity),
                    priority: priority.0,
                }
            }
            Event::Rejected { order, reference, reason } => Self::Rejected {
                order: order.map(Uuid::from),
                reference: *reference,
                reason: *reason,
            },
            Event::Traded {
                number,
                maker,
                taker,
                taker_side,
                price: at,
                quantity: lots,
                maker_remaining,
                taker_remaining,
            } => {
                let (maker, taker) = (visible_party(maker), visible_party(taker));
                Self::Traded {
                    number: number.0,
                    trade: number.uuid(market),
                    price: price(*at),
                    quantity: quantity(*lots),
                    notional: shown(spec.show_notional(at.times(*lots))),
                    taker_side: *taker_side,
                    maker_remaining: maker.is_some().then(|| quantity(*maker_remaining)),
                    taker_remaining: taker.is_some().then(|| quantity(*taker_remaining)),
                    maker,
                    taker,
                }
            }
            Event::Reduced { party, by, remaining, shown } => Self::Reduced {
                order: PartyLine::from(party),
                by: quantity(*by),
                remaining: quantity(*remaining),
                shown: quantity(*shown),
            },
            Event::Amended { party, kind, remaining, shown, priority } => {
                let (r#type, price, stop) = kind_line(*kind, spec);
                Self::Amended {
                    order: PartyLine::from(party),
                    r#type,
                    price,
                    stop,
                    remaining: quantity(*remaining),
                    shown: quantity(*shown),
                    priority: priority.0,
                }
            }
            Event::Cancelled { party, side, price: at, remaining, reason } => Self::Cancelled {
                order: PartyLine::from(party),
                side: *side,
                price: at.map(price),
                remaining: quantity(*remaining),
                reason: *reason,
            },
            Event::Triggered { party, priority } => {
                Self::Triggered { order: PartyLine::from(party), priority: priority.0 }
            }
            Event::Replenished { party, remaining, shown, priority } => Self::Replenished {
                order: PartyLine::from(party),
                remaining: quantity(*remaining),
                shown: quantity(*shown),
                priority: priority.0,
            },
            Event::PhaseChanged { from, to } => Self::PhaseChanged { from: *from, to: *to },
            Event::EpochClosed(summary) => {
                Self::EpochClosed(Box::new(EpochLine::of(summary, spec)))
            }
            Event::MarketAdded(spec) => Self::MarketAdded(MarketSpecLine::of(spec)),
            Event::MarketSet(terms) => Self::MarketSet(TermsLine::of(terms, spec)),
            Event::MarketRemoved => Self::MarketRemoved {},
            Event::AccountBlocked(account) => Self::AccountBlocked { account: (*account).into() },
            Event::AccountUnblocked(account) => {
                Self::AccountUnblocked { account: (*account).into() }
            }
            Event::Duplicate { original, outcome, same_content } => Self::Duplicate {
                original: original.0,
                outcome: OutcomeLine::from(*outcome),
                same_content: *same_content,
            },
        }
    }
}

impl From<Outcome> for OutcomeLine {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Rejected(reason) => Self::Rejected(reason),
            Outcome::Duplicate => Self::Duplicate,
        }
    }
}

impl From<&Party> for PartyLine {
    fn from(party: &Party) -> Self {
        let Party { order, account, reference } = *party;
        Self { order: order.into(), account: account.into(), reference }
    }
}

/// A party that was hidden from the reader has no line.
fn visible_party(party: &Party) -> Option<PartyLine> {
    (!is_hidden(party)).then(|| PartyLine::from(party))
}

/// Returns `true` if a party was hidden from the reader.
pub(in crate::json) const fn is_hidden(party: &Party) -> bool {
    party.order.0 == 0 && party.account.0 == 0 && party.reference == 0
}

impl EpochLine {
    /// The line of an epoch.
    #[must_use]
    pub fn of(summary: &EpochSummary, spec: &MarketSpec) -> Self {
        let units = Units(spec);
        let prices = summary.turnover.prices;
        let price = |price: Option<Price>| price.map(|price| units.show_price(price));
        Self {
            number: summary.number.0,
            first_sequence: summary.first_sequence.0,
            last_sequence: summary.last_sequence.0,
            trades: summary.turnover.trades,
            volume: units.show_volume(summary.turnover.volume),
            notional: shown(spec.show_notional(summary.turnover.notional)),
            open: price(prices.map(|prices| prices.open)),
            high: price(prices.map(|prices| prices.high)),
            low: price(prices.map(|prices| prices.low)),
            close: price(prices.map(|prices| prices.close)),
            clearing: summary.clearing.map(|clearing| ClearingLine::of(&clearing, &units)),
            accepted: summary.accepted,
            cancelled: summary.cancelled,
            last_trade: summary.last_trade.0,
            bids: SideLine::of(&summary.bids, &units),
            asks: SideLine::of(&summary.asks, &units),
        }
    }
}

impl ClearingLine {
    fn of(clearing: &Clearing, units: &Units<'_>) -> Self {
        let Clearing { price, volume, surplus } = *clearing;
        Self {
            price: units.show_price(price),
            volume: units.show_quantity(volume),
            surplus: units.show_lots(surplus),
        }
    }
}

impl SideLine {
    fn of(side: &SideSummary, units: &Units<'_>) -> Self {
        let some = |it: Quantity| (!it.is_zero()).then(|| units.show_quantity(it));
        Self {
            best: side.best.map(|best| units.show_price(best)),
            resting: side.resting,
            resting_quantity: units.show_quantity(side.resting_quantity),
            hidden_quantity: some(side.hidden_quantity),
            waiting: side.waiting,
            waiting_quantity: some(side.waiting_quantity),
        }
    }
}

impl OrderLine {
    /// The line of a live order.
    #[must_use]
    pub fn of(order: &OrderRecord, spec: &MarketSpec) -> Self {
        let (r#type, price, stop) = kind_line(order.kind, spec);
        Self {
            order: order.party.order.into(),
            account: order.party.account.into(),
            reference: order.party.reference,
            side: order.side,
            r#type,
            price,
            stop,
            open: Units(spec).show_quantity(order.open),
            shown: Units(spec).show_quantity(order.shown),
            until: match order.until {
                Until::Cancelled => None,
                Until::Immediate => Some(UntilLine::Immediate),
                Until::Filled => Some(UntilLine::Filled),
                Until::Time(time) => Some(UntilLine::Time(Time(time))),
                Until::Epoch(number) => Some(UntilLine::Epoch(number.0)),
            },
            post_only: order.post_only,
            priority: order.priority.0,
        }
    }
}
