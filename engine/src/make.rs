//! Short ways to say what orders, changes and markets are. What is not said has its default.

use crate::command::{Action, Amend, Command, OrderKind, Place, SelfTrade, TimeInForce};
use crate::market::{Fees, Limits, MarketSpec, Pricing, Symbol, Terms};
use crate::quantity::{AccountId, MarketId, OrderId, Price, Quantity, Sequence, Side, Timestamp};
use crate::step::Step;

impl Command {
    /// A command of a client, outside of any session and without a request id.
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
    /// An order that trades at this price or better, and otherwise rests.
    #[must_use]
    pub const fn limit(order: OrderId, side: Side, quantity: Quantity, price: Price) -> Self {
        Self::of(order, side, quantity, OrderKind::Limit { price })
    }

    /// An order that trades at whatever price there is.
    #[must_use]
    pub const fn market(order: OrderId, side: Side, quantity: Quantity) -> Self {
        Self::of(order, side, quantity, OrderKind::Market)
    }

    /// An order that becomes a market order once the stop price has traded.
    #[must_use]
    pub const fn stop(order: OrderId, side: Side, quantity: Quantity, stop: Price) -> Self {
        Self::of(order, side, quantity, OrderKind::Stop { stop })
    }

    /// An order that becomes a limit order once the stop price has traded.
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

    /// Immediate or cancel: what does not trade at once goes.
    #[must_use]
    pub const fn ioc(self) -> Self {
        Self { time_in_force: TimeInForce::ImmediateOrCancel, ..self }
    }

    /// Fill or kill: it trades whole and at once, or goes.
    #[must_use]
    pub const fn fok(self) -> Self {
        Self { time_in_force: TimeInForce::FillOrKill, ..self }
    }

    /// It ends when so many epochs have closed.
    #[must_use]
    pub const fn for_epochs(self, epochs: u64) -> Self {
        Self { time_in_force: TimeInForce::ForEpochs(epochs), ..self }
    }

    /// It ends at this time.
    #[must_use]
    pub const fn until(self, time: Timestamp) -> Self {
        Self { time_in_force: TimeInForce::GoodTillDate(time), ..self }
    }

    /// It is refused if it would trade at once.
    #[must_use]
    pub const fn post_only(self) -> Self {
        Self { post_only: true, ..self }
    }

    /// It shows only so much at a time: an iceberg.
    #[must_use]
    pub const fn display(self, quantity: Quantity) -> Self {
        Self { display_quantity: Some(quantity), ..self }
    }

    /// It trades at least so much at once, or nothing. Only with [`Place::ioc`].
    #[must_use]
    pub const fn minimum(self, quantity: Quantity) -> Self {
        Self { minimum_quantity: Some(quantity), ..self }
    }

    /// What happens when it meets an order of its own account. Otherwise what is left of it goes.
    #[must_use]
    pub const fn self_trade(self, self_trade: SelfTrade) -> Self {
        Self { self_trade, ..self }
    }

    /// The caller's own number, which stands in every event of the order.
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
    /// A change of this order that changes nothing yet.
    #[must_use]
    pub const fn new(order: OrderId) -> Self {
        Self { order, price: None, quantity: None, stop_price: None, if_open: None, requeue: false }
    }

    /// Its limit price becomes this one.
    #[must_use]
    pub const fn price(self, price: Price) -> Self {
        Self { price: Some(price), ..self }
    }

    /// Its open quantity becomes this one.
    #[must_use]
    pub const fn quantity(self, quantity: Quantity) -> Self {
        Self { quantity: Some(quantity), ..self }
    }

    /// Its stop price becomes this one.
    #[must_use]
    pub const fn stop_price(self, stop: Price) -> Self {
        Self { stop_price: Some(stop), ..self }
    }

    /// The change is refused if the open quantity is another one by now.
    #[must_use]
    pub const fn if_open(self, quantity: Quantity) -> Self {
        Self { if_open: Some(quantity), ..self }
    }

    /// The order gives up its place in the queue in any case.
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
    /// A market whose orders have prices from 0 to 10^9 ticks and quantities up to 10^9 lots. Trades
    /// have the resting order's price, and there are no fees.
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

    /// How a trade is priced in Continuous.
    #[must_use]
    pub const fn pricing(self, pricing: Pricing) -> Self {
        Self { pricing, ..self }
    }

    /// The largest quantity of an order.
    #[must_use]
    pub const fn quantity_max(self, quantity_max: Quantity) -> Self {
        Self { quantity_max, ..self }
    }

    /// How much of everything the market may hold.
    #[must_use]
    pub const fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The lowest and the highest price that an order may have.
    #[must_use]
    pub const fn prices(self, lowest: Price, highest: Price) -> Self {
        let terms = Terms { price_min: lowest, price_max: highest, ..self.terms };
        Self { terms, ..self }
    }

    /// How far from the best price a market order may trade.
    #[must_use]
    pub const fn protection(self, ticks: u64) -> Self {
        Self { terms: Terms { protection_ticks: Some(ticks), ..self.terms }, ..self }
    }

    /// The reference price until something has traded.
    #[must_use]
    pub const fn reference(self, price: Price) -> Self {
        Self { terms: Terms { reference: Some(price), ..self.terms }, ..self }
    }

    /// What a trade costs.
    #[must_use]
    pub const fn fees(self, fees: Fees) -> Self {
        Self { terms: Terms { fees, ..self.terms }, ..self }
    }
}
