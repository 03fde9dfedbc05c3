//! What a message means for the book of its stock.

use std::num::NonZeroU64;

use pricetime_engine::{Price, Quantity, Side};

use super::body::{
    AddAttributedOrder, AddOrder, Body, BrokenTrade, CrossTrade, OrderCancel, OrderDelete,
    OrderExecuted, OrderExecutedWithPrice, OrderReplace, StockDirectory, SystemEvent, Trade,
};
use super::field::Alpha;
use super::layout::PRICE_PLACES;
use crate::error::{Fault, RecordingError};
use crate::venue::{Cross, Instrument, InstrumentName, VenueEvent};

/// Returns what a message of a type means, or `None` if it changes neither a book nor whether a stock trades.
/// `rest` is what follows its header.
///
/// # Errors
/// Returns an error if the message cannot be read, or if it cannot have one of its values.
#[inline]
pub(super) fn event_of(kind: u8, rest: &[u8]) -> Result<Option<VenueEvent>, RecordingError> {
    Ok(Some(match kind {
        b'A' => {
            let AddOrder { order, side, shares, price, .. } = AddOrder::read(rest)?;
            let (price, quantity) = (price_of(price), quantity_of(shares)?);
            VenueEvent::Added { order, side, price, quantity, account: None }
        }
        b'D' => {
            let OrderDelete { order } = OrderDelete::read(rest)?;
            VenueEvent::Deleted { order, quantity: None, side: None, price: None }
        }
        b'E' => executed(&OrderExecuted::read(rest)?)?,
        b'X' => {
            let OrderCancel { order, shares } = OrderCancel::read(rest)?;
            let quantity = quantity_of(shares)?;
            VenueEvent::Reduced { order, quantity, side: None, price: None }
        }
        b'U' => replaced(&OrderReplace::read(rest)?)?,
        b'F' => added_with_account(&AddAttributedOrder::read(rest)?)?,
        b'P' => hidden(&Trade::read(rest)?)?,
        b'C' => executed_with_price(&OrderExecutedWithPrice::read(rest)?)?,
        b'Q' => crossed(&CrossTrade::read(rest)?),
        b'B' => {
            let BrokenTrade { match_number } = BrokenTrade::read(rest)?;
            let trade = NonZeroU64::new(match_number).ok_or_else(|| zero("match_number"))?;
            VenueEvent::TradeBroken { trade }
        }
        b'S' => VenueEvent::DayPart(SystemEvent::read(rest)?.event),
        b'R' => {
            let StockDirectory { stock, round_lot, .. } = StockDirectory::read(rest)?;
            VenueEvent::Listed(instrument(stock, round_lot))
        }
        _ => {
            Body::read(kind, rest)?;
            return Ok(None);
        }
    }))
}

/// An instrument with the price unit of ITCH.
pub(super) fn instrument(stock: Alpha<8>, round_lot: u32) -> Instrument {
    let name = InstrumentName::new(stock.trimmed());
    Instrument { name, price_places: PRICE_PLACES, round_lot }
}

fn added_with_account(it: &AddAttributedOrder) -> Result<VenueEvent, RecordingError> {
    let AddAttributedOrder { order, side, shares, price, mpid, .. } = *it;
    let (price, quantity) = (price_of(price), quantity_of(shares)?);
    let account = NonZeroU64::new(u32::from_be_bytes(mpid.0).into());
    Ok(VenueEvent::Added { order, side, price, quantity, account })
}

#[inline]
fn executed(it: &OrderExecuted) -> Result<VenueEvent, RecordingError> {
    let OrderExecuted { order, shares, match_number } = *it;
    let (quantity, trade) = (quantity_of(shares)?, NonZeroU64::new(match_number));
    let (side, price, aggressor) = (None, None, None);
    Ok(VenueEvent::Executed { order, quantity, side, price, trade, aggressor, cross: false })
}

fn executed_with_price(it: &OrderExecutedWithPrice) -> Result<VenueEvent, RecordingError> {
    let OrderExecutedWithPrice { order, shares, match_number, printable, price } = *it;
    let (price, quantity) = (Some(price_of(price)), quantity_of(shares)?);
    let (side, trade, aggressor) = (None, NonZeroU64::new(match_number), None);
    Ok(VenueEvent::Executed { order, quantity, side, price, trade, aggressor, cross: !printable })
}

fn replaced(it: &OrderReplace) -> Result<VenueEvent, RecordingError> {
    let OrderReplace { order, new_order, shares, price } = *it;
    let (price, quantity, side) = (price_of(price), quantity_of(shares)?, None);
    Ok(VenueEvent::Replaced { order, new_order, price, quantity, side, keeps_priority: false })
}

fn hidden(it: &Trade) -> Result<VenueEvent, RecordingError> {
    let Trade { order, side, shares, price, match_number, .. } = *it;
    // Since NASDAQ no longer tells, the order is 0 and the side is buy.
    let side = (order != 0 || side == Side::Sell).then_some(side);
    let (price, quantity) = (price_of(price), quantity_of(shares)?);
    let trade = NonZeroU64::new(match_number);
    Ok(VenueEvent::HiddenExecuted { side, price, quantity, trade })
}

fn crossed(it: &CrossTrade) -> VenueEvent {
    let CrossTrade { shares, price, match_number, cross, .. } = *it;
    let kind = match &cross.0 {
        b"O" => Cross::Opening,
        b"C" => Cross::Closing,
        b"H" => Cross::Halt,
        _ => Cross::Unknown,
    };
    let (price, quantity) = (price_of(price), Quantity(shares));
    VenueEvent::Crossed { kind, price, quantity, trade: NonZeroU64::new(match_number) }
}

fn price_of(price: u32) -> Price {
    Price(price.into())
}

#[inline]
fn quantity_of(shares: u32) -> Result<Quantity, RecordingError> {
    if shares == 0 { Err(zero("shares")) } else { Ok(Quantity(shares.into())) }
}

#[cold]
fn zero(field: &'static str) -> RecordingError {
    RecordingError::new("ITCH message", Fault::OutOfRange("above 0")).field(field, b"0")
}
