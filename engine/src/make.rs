//! Constructors for commands, orders, amends and markets. Everything that is not given has a
//! default.

use crate::command::{Action, Amend, Command, OrderKind, Place, SelfTrade, TimeInForce};
use crate::market::{Fees, Limits, MarketSpec, Pricing, Symbol, Terms};
use crate::quantity::{AccountId, MarketId, OrderId, Price, Quantity, Sequence, Side, Timestamp};
use crate::step::Step;

impl Command {
    /// Creates a client's command without a request id and without a session.
    #[must_use]
    pub const fn new(
        sequence: Sequence,
        timestamp: Timestamp,
        market: MarketId,
        account: AccountId,
        action: Action,
    ) -> Self {
        Self {
            sequence,
            timestamp,
            market,
            account,
            operator: false,
            request: None,
            session: None,
            action,
        }
    }
}

impl From<Place> for Action {
    fn from(place: Place) -> Self {
        Self::Place(place)
    }
}

impl From<Amend> for Action {
    fn from(amend: Amend) -> Self {
        Self::Amend(amend)
    }
}

/// ```
/// use pricetime_engine::{OrderId, Place, Price, Quantity, Side, TimeInForce};
///
/// let order = Place::limit(OrderId(1), Side::Sell, Quantity(300), Price(1_425)).post_only();
/// assert_eq!(order.time_in_force, TimeInForce::GoodTillCancel);
/// ```
impl Place {
    /// A limit order: trades at this price or better, and the rest of it rests.
    #[must_use]
    pub const fn limit(order: OrderId, side: Side, quantity: Quantity, price: Price) -> Self {
        Self::of(order, side, quantity, OrderKind::Limit { price })
    }

    /// A market order: trades at any price, within the market's `protection_ticks`.
    #[must_use]
    pub const fn market(order: OrderId, side: Side, quantity: Quantity) -> Self {
        Self::of(order, side, quantity, OrderKind::Market)
    }

    /// A stop order: becomes a market order once the market has traded at the stop price or
    /// beyond it.
    #[must_use]
    pub const fn stop(order: OrderId, side: Side, quantity: Quantity, stop: Price) -> Self {
        Self::of(order, side, quantity, OrderKind::Stop { stop })
    }

    /// A stop-limit order: becomes a limit order once the market has traded at the stop price or
    /// beyond it.
    #[must_use]
    pub const fn stop_limit(
        order: OrderId,
        side: Side,
        quantity: Quantity,
        stop: Price,
        price: Price,
    ) -> Self {
        Self::of(order, side, quantity, OrderKind::StopLimit { stop, price })
    }

    const fn of(order: OrderId, side: Side, quantity: Quantity, kind: OrderKind) -> Self {
        Self {
            order,
            reference: 0,
            side,
            kind,
            quantity,
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::CancelTaker,
        }
    }

    /// Makes the order immediate-or-cancel: what does not trade at once is cancelled.
    #[must_use]
    pub const fn ioc(self) -> Self {
        Self { time_in_force: TimeInForce::ImmediateOrCancel, ..self }
    }

    /// Makes the order fill-or-kill: it is filled completely at once, or cancelled.
    #[must_use]
    pub const fn fok(self) -> Self {
        Self { time_in_force: TimeInForce::FillOrKill, ..self }
    }

    /// Ends the order when this many epochs have closed, the current one included.
    #[must_use]
    pub const fn for_epochs(self, epochs: u64) -> Self {
        Self { time_in_force: TimeInForce::ForEpochs(epochs), ..self }
    }

    /// Ends the order at this time.
    #[must_use]
    pub const fn until(self, time: Timestamp) -> Self {
        Self { time_in_force: TimeInForce::GoodTillDate(time), ..self }
    }

    /// Makes the order post-only: it is refused if its price reaches the other side.
    #[must_use]
    pub const fn post_only(self) -> Self {
        Self { post_only: true, ..self }
    }

    /// Makes the order an iceberg that shows only this much at a time.
    #[must_use]
    pub const fn display(self, quantity: Quantity) -> Self {
        Self { display_quantity: Some(quantity), ..self }
    }

    /// Requires that at least this much trades at once, or nothing. Only with [`Place::ioc`].
    #[must_use]
    pub const fn minimum(self, quantity: Quantity) -> Self {
        Self { minimum_quantity: Some(quantity), ..self }
    }

    /// Sets what happens if the order meets an order of its own account. By default the rest of the
    /// new order is cancelled.
    #[must_use]
    pub const fn self_trade(self, self_trade: SelfTrade) -> Self {
        Self { self_trade, ..self }
    }

    /// Sets the owner's own number, which every event of the order repeats.
    #[must_use]
    pub const fn reference(self, reference: u64) -> Self {
        Self { reference, ..self }
    }
}

/// ```
/// use pricetime_engine::{Amend, OrderId, Price, Quantity};
///
/// let change = Amend::new(OrderId(1)).price(Price(1_430)).if_open(Quantity(300));
/// assert_eq!(change.quantity, None);
/// ```
impl Amend {
    /// Creates an amend of this order that changes nothing yet.
    #[must_use]
    pub const fn new(order: OrderId) -> Self {
        Self { order, price: None, quantity: None, stop_price: None, if_open: None, requeue: false }
    }

    /// Sets the new limit price.
    #[must_use]
    pub const fn price(self, price: Price) -> Self {
        Self { price: Some(price), ..self }
    }

    /// Sets the new open quantity.
    #[must_use]
    pub const fn quantity(self, quantity: Quantity) -> Self {
        Self { quantity: Some(quantity), ..self }
    }

    /// Sets the new stop price.
    #[must_use]
    pub const fn stop_price(self, stop: Price) -> Self {
        Self { stop_price: Some(stop), ..self }
    }

    /// Refuses the amend if the open quantity is no longer this one.
    #[must_use]
    pub const fn if_open(self, quantity: Quantity) -> Self {
        Self { if_open: Some(quantity), ..self }
    }

    /// Moves the order to the end of its queue in any case.
    #[must_use]
    pub const fn requeue(self) -> Self {
        Self { requeue: true, ..self }
    }
}

/// ```
/// use pricetime_engine::{MarketSpec, Price};
///
/// let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?)
///     .prices(Price(-5_000), Price(50_000));
/// assert!(spec.is_valid());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MarketSpec {
    /// Creates a spec with prices from 0 to 10^9 ticks and quantities up to 10^9 lots. Trades have
    /// the resting order's price, and there are no fees.
    #[must_use]
    pub fn new(symbol: Symbol, tick: Step, lot: Step) -> Self {
        Self {
            symbol,
            tick,
            lot,
            pricing: Pricing::Maker,
            quantity_max: Quantity(1_000_000_000),
            limits: Limits::default(),
            terms: Terms {
                price_min: Price(0),
                price_max: Price(1_000_000_000),
                protection_ticks: None,
                reference: None,
                fees: Fees::default(),
            },
        }
    }

    /// Sets how a trade is priced in Continuous.
    #[must_use]
    pub const fn pricing(self, pricing: Pricing) -> Self {
        Self { pricing, ..self }
    }

    /// Sets the largest quantity of an order.
    #[must_use]
    pub const fn quantity_max(self, quantity_max: Quantity) -> Self {
        Self { quantity_max, ..self }
    }

    /// Sets the limits on what the market holds.
    #[must_use]
    pub const fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets the lowest and the highest price that an order may have.
    #[must_use]
    pub const fn prices(self, lowest: Price, highest: Price) -> Self {
        let terms = Terms { price_min: lowest, price_max: highest, ..self.terms };
        Self { terms, ..self }
    }

    /// Sets how far from the best price a market order may trade, in ticks.
    #[must_use]
    pub const fn protection(self, ticks: u64) -> Self {
        Self { terms: Terms { protection_ticks: Some(ticks), ..self.terms }, ..self }
    }

    /// Sets the reference price before the first trade.
    #[must_use]
    pub const fn reference(self, price: Price) -> Self {
        Self { terms: Terms { reference: Some(price), ..self.terms }, ..self }
    }

    /// Sets the fees of a trade.
    #[must_use]
    pub const fn fees(self, fees: Fees) -> Self {
        Self { terms: Terms { fees, ..self.terms }, ..self }
    }
}
