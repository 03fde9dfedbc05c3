//! What an event is as a row.

use pricetime_engine::{
    AccountId, Event, Header, OrderKind, Party, Place, Price, Quantity, TimeInForce, Timestamp,
};

use super::column::{Decimal, Id, Time};
use super::market::Market;
use super::reason::{cancellation, refusal};
use super::row::{EventRow, TradeRow};
use crate::csv::{Kind, Lasting, word};
use crate::error::{Fault, RecordingError};

/// A time that has passed.
pub(super) fn time(time: Timestamp) -> Result<Time, RecordingError> {
    i64::try_from(time.0).map(Time).map_err(|_| {
        let fault = Fault::OutOfRange("a time before 2262-04-11T23:47:16.854775808Z");
        RecordingError::new("", fault).field("time", time.to_string().as_bytes())
    })
}

/// An account, unless it is 0, which stands for an unknown one.
fn account(account: AccountId) -> Option<Id> {
    (account.0 != 0).then_some(Id(account.0))
}

/// The owner's number of an order, unless the owner gave none.
fn reference(reference: u64) -> Option<u64> {
    (reference != 0).then_some(reference)
}

/// A price of the market, if there are both.
fn price(
    market: Option<&Market>,
    price: impl Into<Option<Price>>,
) -> Result<Option<Decimal>, RecordingError> {
    market.zip(price.into()).map(|(market, price)| market.price(price)).transpose()
}

/// A quantity of the market, if there are both.
fn quantity(
    market: Option<&Market>,
    quantity: impl Into<Option<Quantity>>,
) -> Result<Option<Decimal>, RecordingError> {
    market.zip(quantity.into()).map(|(market, quantity)| market.quantity(quantity)).transpose()
}

/// The row of a trade, or `None` for other events.
pub(super) fn trade_row<'a>(
    header: &Header,
    event: &Event,
    market: Option<&'a Market>,
) -> Result<Option<TradeRow<'a>>, RecordingError> {
    let (Event::Traded { number, maker, taker, taker_side, price, quantity, .. }, Some(market)) =
        (event, market)
    else {
        return Ok(None);
    };
    Ok(Some(TradeRow {
        time: time(header.timestamp)?,
        sequence: header.sequence.0,
        market: header.market.0.into(),
        symbol: market.spec.symbol.as_str(),
        epoch: market.epoch,
        trade: number.0,
        price: market.price(*price)?,
        quantity: market.quantity(*quantity)?,
        taker_side: word(*taker_side),
        maker_order: Id(maker.order.0),
        maker_account: account(maker.account),
        maker_reference: reference(maker.reference),
        taker_order: Id(taker.order.0),
        taker_account: account(taker.account),
        taker_reference: reference(taker.reference),
    }))
}

/// The row of an event.
pub(super) fn event_row<'a>(
    header: &Header,
    event: &Event,
    market: Option<&'a Market>,
) -> Result<EventRow<'a>, RecordingError> {
    let mut row = EventRow {
        time: time(header.timestamp)?,
        sequence: header.sequence.0,
        market: header.market.0.into(),
        symbol: market.map(|market| market.spec.symbol.as_str()),
        epoch: market.map(|market| market.epoch),
        command: word(header.kind),
        event: name(event),
        ..EventRow::default()
    };
    row.fill(event, market)?;
    Ok(row)
}

/// The name of an event.
const fn name(event: &Event) -> &'static str {
    match event {
        Event::Accepted { .. } => "accepted",
        Event::Rejected { .. } => "rejected",
        Event::Traded { .. } => "traded",
        Event::Reduced { .. } => "reduced",
        Event::Amended { .. } => "amended",
        Event::Cancelled { .. } => "cancelled",
        Event::Triggered { .. } => "triggered",
        Event::Replenished { .. } => "replenished",
        Event::PhaseChanged { .. } => "phase_changed",
        Event::EpochClosed(_) => "epoch_closed",
        Event::MarketAdded(_) => "market_added",
        Event::MarketSet(_) => "market_set",
        Event::MarketRemoved => "market_removed",
        Event::AccountBlocked(_) => "account_blocked",
        Event::AccountUnblocked(_) => "account_unblocked",
        Event::Duplicate { .. } => "duplicate",
    }
}

impl EventRow<'_> {
    /// Fills in the order that the event is about.
    fn of(&mut self, party: &Party) {
        self.order = Some(Id(party.order.0));
        self.account = account(party.account);
        self.reference = reference(party.reference);
    }

    /// Fills in the parts of an event. Without a market there are no prices and no quantities.
    fn fill(&mut self, event: &Event, market: Option<&Market>) -> Result<(), RecordingError> {
        match event {
            Event::Accepted { account, place, priority } => {
                let Place { order, reference, .. } = *place;
                self.of(&Party { order, account: *account, reference });
                self.priority = Some(priority.0);
                self.place(place, market)?;
            }
            Event::Rejected { order, reference, reason } => {
                self.order = order.map(|order| Id(order.0));
                self.reference = reference.and_then(self::reference);
                self.reason = Some(refusal(*reason));
            }
            Event::Traded { .. } => self.trade(event, market)?,
            Event::Reduced { party, by, remaining, shown } => {
                self.of(party);
                self.quantity = quantity(market, *by)?;
                self.rest(*remaining, *shown, market)?;
            }
            Event::Amended { party, kind, remaining, shown, priority } => {
                self.of(party);
                self.kind(*kind, market)?;
                self.rest(*remaining, *shown, market)?;
                self.priority = Some(priority.0);
            }
            Event::Cancelled { party, side, price, remaining, reason } => {
                self.of(party);
                self.side = Some(word(*side));
                self.price = self::price(market, *price)?;
                self.remaining = quantity(market, *remaining)?;
                self.reason = Some(cancellation(*reason));
            }
            Event::Triggered { party, priority } => {
                self.of(party);
                self.priority = Some(priority.0);
            }
            Event::Replenished { party, remaining, shown, priority } => {
                self.of(party);
                self.rest(*remaining, *shown, market)?;
                self.priority = Some(priority.0);
            }
            Event::PhaseChanged { from, to } => {
                self.previous_phase = Some(word(*from));
                self.phase = Some(word(*to));
            }
            Event::EpochClosed(epoch) => {
                let clearing = epoch.clearing;
                self.price = price(market, clearing.map(|it| it.price))?;
                self.quantity = quantity(market, clearing.map(|it| it.volume))?;
            }
            Event::AccountBlocked(account) | Event::AccountUnblocked(account) => {
                self.account = Some(Id(account.0));
            }
            Event::Duplicate { original, .. } => self.original = Some(original.0),
            Event::MarketAdded(_) | Event::MarketSet(_) | Event::MarketRemoved => {}
        }
        Ok(())
    }

    /// Fills in what is left of an order.
    fn rest(
        &mut self,
        remaining: Quantity,
        shown: Quantity,
        market: Option<&Market>,
    ) -> Result<(), RecordingError> {
        self.remaining = quantity(market, remaining)?;
        self.shown = quantity(market, shown)?;
        Ok(())
    }

    fn kind(&mut self, kind: OrderKind, market: Option<&Market>) -> Result<(), RecordingError> {
        self.kind = Some(word(Kind::of(kind)));
        self.price = price(market, kind.price())?;
        self.stop_price = price(market, kind.stop())?;
        Ok(())
    }

    fn place(&mut self, place: &Place, market: Option<&Market>) -> Result<(), RecordingError> {
        self.side = Some(word(place.side));
        self.kind(place.kind, market)?;
        self.quantity = quantity(market, place.quantity)?;
        self.time_in_force = Some(word(Lasting::of(place.time_in_force)));
        match place.time_in_force {
            // An order can last longer than the type of the column.
            TimeInForce::GoodTillDate(until) => {
                self.until = Some(Time(until.0.try_into().unwrap_or(i64::MAX)));
            }
            TimeInForce::ForEpochs(epochs) => self.epochs = Some(epochs),
            TimeInForce::GoodTillCancel
            | TimeInForce::ImmediateOrCancel
            | TimeInForce::FillOrKill => {}
        }
        self.post_only = Some(place.post_only);
        self.minimum_quantity = quantity(market, place.minimum_quantity)?;
        self.display_quantity = quantity(market, place.display_quantity)?;
        self.self_trade = Some(word(place.self_trade));
        Ok(())
    }

    /// Fills in a trade: what its row in the table of trades has, and what is left of both orders.
    fn trade(&mut self, event: &Event, market: Option<&Market>) -> Result<(), RecordingError> {
        let Event::Traded {
            number,
            maker,
            taker,
            taker_side,
            price,
            quantity,
            maker_remaining,
            taker_remaining,
        } = event
        else {
            return Ok(());
        };
        self.trade = Some(number.0);
        self.price = self::price(market, *price)?;
        self.quantity = self::quantity(market, *quantity)?;
        self.taker_side = Some(word(*taker_side));
        self.maker_order = Some(Id(maker.order.0));
        self.maker_account = account(maker.account);
        self.maker_reference = reference(maker.reference);
        self.maker_remaining = self::quantity(market, *maker_remaining)?;
        self.taker_order = Some(Id(taker.order.0));
        self.taker_account = account(taker.account);
        self.taker_reference = reference(taker.reference);
        self.taker_remaining = self::quantity(market, *taker_remaining)?;
        Ok(())
    }
}
