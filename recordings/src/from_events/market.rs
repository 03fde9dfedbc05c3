//! A market and its live orders, as far as messages need them.

use std::num::NonZeroU64;

use foldhash::HashMap;
use pricetime_engine::{AccountId, MarketSpec, OrderId, Place, Price, Priority, Quantity, Side};

use crate::error::{Fault, RecordingError};
use crate::venue::{Instrument, InstrumentName};

/// A market.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) instrument: Instrument,
    pub(super) orders: HashMap<OrderId, Order>,
    spec: MarketSpec,
    /// The price units of a tick; 0 if they do not fit in 64 bits.
    tick: i64,
}

/// A live order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// Its number, if it is visible.
    pub(super) number: u64,
    pub(super) side: Side,
    /// The limit price, unless it is a market order.
    pub(super) price: Option<Price>,
    pub(super) open: Quantity,
    pub(super) shown: Quantity,
    /// How much it shows at most.
    pub(super) display: Option<Quantity>,
    pub(super) priority: Priority,
    /// `true` for a stop that is not elected.
    pub(super) waits: bool,
    pub(super) account: Option<NonZeroU64>,
}

/// An order that takes.
#[derive(Debug)]
pub(super) struct Taker {
    pub(super) id: OrderId,
    pub(super) order: Order,
    /// What is still in the book of an order that was amended.
    pub(super) before: Option<Order>,
}

/// What an order traded.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    pub(super) price: Price,
    pub(super) quantity: Quantity,
    /// What is open afterwards.
    pub(super) open: Quantity,
    pub(super) cross: bool,
}

/// How an order is from now on.
pub(super) struct Amended {
    pub(super) price: Option<Price>,
    pub(super) open: Quantity,
    pub(super) shown: Quantity,
    pub(super) priority: Priority,
}

impl Market {
    pub(super) fn new(spec: &MarketSpec) -> Self {
        let exponent = i16::from(spec.tick.exponent);
        let zeros = u32::try_from(exponent).unwrap_or_default();
        let tick = i64::try_from(spec.tick.mantissa).ok().zip(10_i64.checked_pow(zeros));
        let instrument = Instrument {
            name: InstrumentName::new(spec.symbol.as_str().as_bytes()),
            price_places: u8::try_from(-exponent).unwrap_or_default(),
            round_lot: 1,
        };
        Self {
            instrument,
            orders: HashMap::default(),
            spec: *spec,
            tick: tick
                .and_then(|(mantissa, power)| mantissa.checked_mul(power))
                .unwrap_or_default(),
        }
    }

    /// A price in units of the instrument.
    #[inline]
    pub(super) fn units(&self, price: Price) -> Result<Price, RecordingError> {
        let units = price.0.checked_mul(self.tick).filter(|_| self.tick != 0);
        units.map(Price).ok_or_else(|| {
            let fault = Fault::OutOfRange("a price that fits in 64 bits of its decimal places");
            RecordingError::new("messages", fault)
                .field("price", self.spec.show_price(price).as_bytes())
        })
    }
}

impl Order {
    pub(super) fn of(account: AccountId, place: &Place, priority: Priority) -> Self {
        Self {
            number: 0,
            side: place.side,
            price: place.kind.price(),
            open: place.quantity,
            shown: Quantity::ZERO,
            display: place.display_quantity,
            priority,
            waits: place.kind.stop().is_some(),
            account: u64::try_from(account.0).ok().and_then(NonZeroU64::new),
        }
    }

    /// The price at which it is in the book, if it is visible there.
    #[inline]
    pub(super) fn visible(&self) -> Option<Price> {
        self.price.filter(|_| !self.waits && !self.shown.is_zero())
    }
}
