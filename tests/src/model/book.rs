//! The orders of a market, the searches over them, and the events about them.

use pricetime_engine::{
    CancelReason, Command, EpochNumber, Event, MarketHead, MarketSpec, Notional, OrderId,
    OrderKind, OrderRecord, Phase, Price, Prices, Priority, Quantity, Sequence, Side, Timestamp,
    TradeNumber, Turnover, Until,
};

/// The orders of a market and its counters.
#[derive(Clone, Debug)]
pub(super) struct Book {
    pub(super) head: MarketHead,
    /// Resting orders and waiting stops, in no particular order.
    pub(super) orders: Vec<OrderRecord>,
    /// The events of the current command so far.
    pub(super) events: Vec<Event>,
    /// The lowest and the highest trade price of the current command.
    pub(super) range: Option<(Price, Price)>,
}

/// Two orders that trade.
pub(super) struct Pair<'a> {
    pub(super) maker: &'a mut OrderRecord,
    pub(super) taker: &'a mut OrderRecord,
}

/// Returns `true` if the order is a stop that waits outside the book.
pub(super) fn is_waiting_stop(order: &OrderRecord) -> bool {
    order.kind.stop().is_some()
}

/// The visible quantity of an order at the start of a part.
pub(super) fn full_part(order: &OrderRecord) -> Quantity {
    let display = order.display_quantity.unwrap_or(order.open);
    display.min(order.open)
}

/// The sort key of a resting order in its side, lowest first: market orders, then the better price, then
/// the lower priority number.
pub(super) fn rank(order: &OrderRecord) -> (i128, Priority) {
    let price = order.kind.price().map_or(i128::MIN, |price| match order.side {
        Side::Buy => -i128::from(price.0),
        Side::Sell => i128::from(price.0),
    });
    (price, order.priority)
}

/// Subtracts the smaller quantity from the larger.
pub(super) fn subtract(from: Quantity, by: Quantity) -> Quantity {
    Quantity(from.0 - by.0)
}

impl Book {
    /// The book of a market that was just added.
    pub(super) fn new(command: &Command, spec: &MarketSpec) -> Self {
        Self {
            head: MarketHead {
                market: command.market,
                spec: *spec,
                phase: Phase::Closed,
                last_sequence: command.sequence,
                last_price: None,
                last_trade: TradeNumber(0),
                next_priority: Priority(1),
                epoch: EpochNumber(1),
                epoch_first_sequence: command.sequence,
                turnover: Turnover::default(),
                accepted: 0,
                cancelled: 0,
            },
            orders: Vec::new(),
            events: Vec::new(),
            range: None,
        }
    }

    /// Starts a command.
    pub(super) fn begin(&mut self, sequence: Sequence) {
        self.head.last_sequence = sequence;
        self.range = None;
    }

    /// Ends a command and returns its events.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// The live order with this id.
    pub(super) fn get(&self, order: OrderId) -> Option<&OrderRecord> {
        self.orders.iter().find(|o| o.party.order == order)
    }

    /// The next priority number.
    pub(super) fn take_priority(&mut self) -> Priority {
        let priority = self.head.next_priority;
        self.head.next_priority = Priority(priority.0 + 1);
        priority
    }

    /// The resting orders of a side in the order in which they trade.
    pub(super) fn resting(&self, side: Side) -> Vec<OrderRecord> {
        let resting = self.orders.iter().filter(|o| o.side == side && !is_waiting_stop(o));
        let mut resting: Vec<OrderRecord> = resting.copied().collect();
        resting.sort_by_key(rank);
        resting
    }

    /// The best limit price of a side.
    pub(super) fn best(&self, side: Side) -> Option<Price> {
        let resting = self.orders.iter().filter(|o| o.side == side && !is_waiting_stop(o));
        let prices = resting.filter_map(|o| o.kind.price());
        match side {
            Side::Buy => prices.max(),
            Side::Sell => prices.min(),
        }
    }

    /// The limit orders of a side by price: the price, the visible quantity, and the number of orders.
    pub(super) fn levels(&self, side: Side) -> Vec<(Price, Quantity, u32)> {
        let mut levels: Vec<(Price, Quantity, u32)> = Vec::new();
        for order in self.resting(side) {
            let Some(price) = order.kind.price() else {
                continue;
            };
            match levels.last_mut() {
                Some(level) if level.0 == price => {
                    level.1 = Quantity(level.1.0 + order.shown.0);
                    level.2 += 1;
                }
                Some(_) | None => levels.push((price, order.shown, 1)),
            }
        }
        levels
    }

    /// Adds a stop, outside the book.
    pub(super) fn wait(&mut self, mut order: OrderRecord) {
        order.shown = Quantity(0);
        self.orders.push(order);
    }

    /// Adds an order to the book, at the place of its priority.
    pub(super) fn rest(&mut self, mut order: OrderRecord) {
        order.minimum_quantity = None;
        order.shown = full_part(&order);
        self.orders.push(order);
    }

    /// Reports that an order, which has left the list already, is cancelled.
    pub(super) fn cancelled(&mut self, order: &OrderRecord, reason: CancelReason) {
        self.head.cancelled += 1;
        self.events.push(Event::Cancelled {
            party: order.party,
            side: order.side,
            price: order.kind.price(),
            remaining: order.open,
            reason,
        });
    }

    /// Cancels every live order that `selects` selects, in ascending priority.
    pub(super) fn cancel_each(
        &mut self,
        selects: impl Fn(&OrderRecord) -> bool,
        reason: CancelReason,
    ) {
        let gone = self.orders.iter().copied().filter(|o| selects(o));
        let mut gone: Vec<OrderRecord> = gone.collect();
        gone.sort_by_key(|o| o.priority);
        self.orders.retain(|o| !selects(o));
        for order in gone {
            self.cancelled(&order, reason);
        }
    }

    /// Cancels the expired orders: the earliest expiry first, then the lower priority number.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let due = |o: &OrderRecord| match o.until {
            Until::Time(time) => Some(time).filter(|time| *time <= now),
            Until::Cancelled | Until::Immediate | Until::Filled | Until::Epoch(_) => None,
        };
        let gone = self.orders.iter().copied().filter(|o| due(o).is_some());
        let mut gone: Vec<OrderRecord> = gone.collect();
        gone.sort_by_key(|o| (due(o), o.priority));
        self.orders.retain(|o| due(o).is_none());
        for order in gone {
            self.cancelled(&order, CancelReason::Expired);
        }
    }

    /// Records a trade: reduces both open quantities and updates all trade counters. The caller updates the
    /// visible quantities.
    pub(super) fn trade(&mut self, pair: Pair<'_>, price: Price, quantity: Quantity) {
        let Pair { maker, taker } = pair;
        maker.open = subtract(maker.open, quantity);
        taker.open = subtract(taker.open, quantity);
        self.head.last_price = Some(price);
        self.head.last_trade = TradeNumber(self.head.last_trade.0 + 1);
        let (low, high) = self.range.unwrap_or((price, price));
        self.range = Some((low.min(price), high.max(price)));
        count_trade(&mut self.head.turnover, price, quantity);
        self.events.push(Event::Traded {
            number: self.head.last_trade,
            maker: maker.party,
            taker: taker.party,
            taker_side: taker.side,
            price,
            quantity,
            maker_remaining: maker.open,
            taker_remaining: taker.open,
        });
    }

    /// The price of the last trade, or before the first trade the one in the terms.
    pub(super) fn reference(&self) -> Option<Price> {
        self.head.last_price.or(self.head.spec.terms.reference)
    }
}

fn count_trade(turnover: &mut Turnover, price: Price, quantity: Quantity) {
    let first = Prices { open: price, high: price, low: price, close: price };
    let prices = turnover.prices.unwrap_or(first);
    turnover.prices = Some(Prices {
        open: prices.open,
        high: prices.high.max(price),
        low: prices.low.min(price),
        close: price,
    });
    let notional = i128::from(price.0) * i128::from(quantity.0);
    turnover.volume += u128::from(quantity.0);
    turnover.notional = Notional(turnover.notional.0.saturating_add(notional));
    turnover.trades += 1;
}

/// The kind of an order after its election.
pub(super) fn elected_kind(kind: OrderKind) -> OrderKind {
    match kind {
        OrderKind::Stop { .. } | OrderKind::Market => OrderKind::Market,
        OrderKind::StopLimit { price, .. } | OrderKind::Limit { price } => {
            OrderKind::Limit { price }
        }
    }
}
