//! What messages of a venue become in ITCH.

use std::num::NonZeroU64;

use pricetime_engine::{OrderId, Price, Quantity, Side};

use super::body::{
    AddAttributedOrder, AddOrder, Body, BrokenTrade, CrossTrade, OrderCancel, OrderDelete,
    OrderExecuted, OrderExecutedWithPrice, OrderReplace, Trade, TradingAction,
};
use super::field::Alpha;
use super::layout::PRICE_PLACES;
use crate::error::{Fault, RecordingError};
use crate::number::{decimal, rescaled};
use crate::venue::{Cross, VenueEvent};
use crate::venue_book::{Change, VenueOrder};

/// How the messages of a stock are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) locate: u16,
    pub(super) stock: Alpha<8>,
    pub(super) price_places: u8,
}

impl Form {
    /// Adds the bodies that a message and its change of the book become.
    pub(super) fn bodies(
        &self,
        event: &VenueEvent,
        change: &Change,
        bodies: &mut Vec<Body>,
    ) -> Result<(), RecordingError> {
        let stock = self.stock;
        bodies.push(match *event {
            VenueEvent::StateChanged(state) => {
                let (reserved, reason) = (Alpha(*b" "), Alpha(*b"    "));
                Body::TradingAction(TradingAction { stock, state, reserved, reason })
            }
            VenueEvent::HiddenExecuted { side, price, quantity, trade } => Body::Trade(Trade {
                order: 0,
                side: side.unwrap_or(Side::Buy),
                shares: shares(quantity)?,
                stock,
                price: self.price(price)?,
                match_number: trade.map_or(0, NonZeroU64::get),
            }),
            VenueEvent::Crossed { kind, price, quantity, trade } => Body::CrossTrade(CrossTrade {
                shares: quantity.0,
                stock,
                price: self.price(price)?,
                match_number: trade.map_or(0, NonZeroU64::get),
                cross: match kind {
                    Cross::Opening => Alpha(*b"O"),
                    Cross::Closing => Alpha(*b"C"),
                    Cross::Halt => Alpha(*b"H"),
                    Cross::Unknown => Alpha(*b"I"),
                },
            }),
            VenueEvent::TradeBroken { trade } => {
                Body::BrokenTrade(BrokenTrade { match_number: trade.get() })
            }
            VenueEvent::Listed(_)
            | VenueEvent::DayPart(_)
            | VenueEvent::Rested { .. }
            | VenueEvent::Vanished { .. }
            | VenueEvent::Added { .. }
            | VenueEvent::Reduced { .. }
            | VenueEvent::Deleted { .. }
            | VenueEvent::Replaced { .. }
            | VenueEvent::Executed { .. }
            | VenueEvent::Cleared => return self.order(event, change, bodies),
        });
        Ok(())
    }

    /// Adds the bodies of a message about an order.
    fn order(
        &self,
        event: &VenueEvent,
        change: &Change,
        bodies: &mut Vec<Body>,
    ) -> Result<(), RecordingError> {
        match (*event, *change) {
            (_, Change::Shrunk { by: Quantity::ZERO, .. }) => {}
            (
                VenueEvent::Executed { price, trade, cross, .. },
                Change::Shrunk { order, before, by },
            ) => {
                let at = price.unwrap_or(before.price);
                let at = (cross || at != before.price).then_some((at, !cross));
                bodies.push(self.executed(number(order), by, trade, at)?);
            }
            (
                VenueEvent::Executed { order, quantity, price, trade, cross, .. },
                Change::Unknown,
            ) => {
                if cross && price.is_none() {
                    return Err(refused("order", order, Fault::UnknownOrder));
                }
                let at = price.map(|it| (it, !cross));
                bodies.push(self.executed(order, quantity, trade, at)?);
            }
            (VenueEvent::Reduced { order, quantity, .. }, Change::Unknown) => {
                bodies.push(Body::OrderCancel(OrderCancel { order, shares: shares(quantity)? }));
            }
            (VenueEvent::Deleted { order, .. }, Change::Unknown) => {
                bodies.push(Body::OrderDelete(OrderDelete { order }));
            }
            (VenueEvent::Replaced { order, new_order, price, quantity, .. }, Change::Unknown) => {
                bodies.push(self.replaced(order, new_order, price, quantity)?);
            }
            (_, Change::Placed { order, now }) => bodies.push(self.added(number(order), now)?),
            (_, Change::Shrunk { order, before, by }) => {
                bodies.push(reduced(number(order), by, before.open)?);
            }
            (_, Change::Moved { order, before, new_order, now, keeps_priority }) => {
                let (order, new_order) = (number(order), number(new_order));
                if order != new_order && before.side == now.side {
                    bodies.push(self.replaced(order, new_order, now.price, now.open)?);
                } else if keeps_priority && before.open > now.open {
                    bodies.push(reduced(order, before.open.minus(now.open), before.open)?);
                } else if !keeps_priority {
                    bodies.push(Body::OrderDelete(OrderDelete { order }));
                    bodies.push(self.added(new_order, now)?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn added(&self, order: u64, now: VenueOrder) -> Result<Body, RecordingError> {
        let (side, stock) = (now.side, self.stock);
        let (shares, price) = (shares(now.open)?, self.price(now.price)?);
        let account = now.account.and_then(|it| u32::try_from(it.get()).ok());
        let mpid =
            account.map(u32::to_be_bytes).filter(|it| it.iter().all(u8::is_ascii_alphanumeric));
        Ok(match mpid.map(Alpha) {
            Some(mpid) => Body::AddAttributedOrder(AddAttributedOrder {
                order,
                side,
                shares,
                stock,
                price,
                mpid,
            }),
            None => Body::AddOrder(AddOrder { order, side, shares, stock, price }),
        })
    }

    /// An execution; with a price other than the order's own, and whether it is printable, if they are given.
    fn executed(
        &self,
        order: u64,
        quantity: Quantity,
        trade: Option<NonZeroU64>,
        at: Option<(Price, bool)>,
    ) -> Result<Body, RecordingError> {
        let (shares, match_number) = (shares(quantity)?, trade.map_or(0, NonZeroU64::get));
        Ok(match at {
            None => Body::OrderExecuted(OrderExecuted { order, shares, match_number }),
            Some((price, printable)) => {
                let price = self.price(price)?;
                let it = OrderExecutedWithPrice { order, shares, match_number, printable, price };
                Body::OrderExecutedWithPrice(it)
            }
        })
    }

    fn replaced(
        &self,
        order: u64,
        new_order: u64,
        price: Price,
        quantity: Quantity,
    ) -> Result<Body, RecordingError> {
        let (shares, price) = (shares(quantity)?, self.price(price)?);
        Ok(Body::OrderReplace(OrderReplace { order, new_order, shares, price }))
    }

    fn price(&self, price: Price) -> Result<u32, RecordingError> {
        let fault = Fault::TooPrecise(PRICE_PLACES);
        let scaled = rescaled(price.0, self.price_places, PRICE_PLACES)
            .ok_or_else(|| refused("price", decimal(price.0, self.price_places), fault))?;
        u32::try_from(scaled).map_err(|_| {
            let fault = Fault::OutOfRange("from 0 to 429496.7295");
            refused("price", decimal(scaled, PRICE_PLACES), fault)
        })
    }
}

/// A reduction, or a deletion if nothing is left.
fn reduced(order: u64, by: Quantity, open: Quantity) -> Result<Body, RecordingError> {
    if by == open {
        return Ok(Body::OrderDelete(OrderDelete { order }));
    }
    Ok(Body::OrderCancel(OrderCancel { order, shares: shares(by)? }))
}

fn shares(quantity: Quantity) -> Result<u32, RecordingError> {
    u32::try_from(quantity.0)
        .ok()
        .filter(|it| *it > 0)
        .ok_or_else(|| refused("shares", quantity, Fault::OutOfRange("from 1 to 4294967295")))
}

/// The number of an order. The orders that stand for what rested before the recording have ids above 64 bits.
pub(super) fn number(order: OrderId) -> u64 {
    u64::try_from(order.0).unwrap_or_else(|_| u64::MAX - (order.0 & u128::from(u64::MAX)) as u64)
}

#[cold]
pub(super) fn refused(field: &'static str, value: impl ToString, fault: Fault) -> RecordingError {
    RecordingError::new("ITCH message", fault).field(field, value.to_string().as_bytes())
}
