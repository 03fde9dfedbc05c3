//! The state that a reader of the events knows: numbers, priorities, open quantities, totals.
//!
//! It is computed from commands and events alone and checks nothing. It gives the value that an event
//! should have, so that a table need not state it. Values that differ are printed.

use std::collections::BTreeMap;

use pricetime_engine::{
    AccountId, Action, Command, EpochNumber, EpochSummary, Event, MarketId, MarketSpec, Notional,
    OrderId, OrderKind, Party, Phase, Place, Price, Prices, Priority, Quantity, Reason, RequestId,
    Sequence, Side, SideSummary, Terms, Timestamp, TradeNumber, Turnover,
};

/// The known state of all markets.
#[derive(Debug, Default)]
pub(super) struct KnownState {
    pub(super) last_sequence: Sequence,
    pub(super) now: Timestamp,
    markets: BTreeMap<MarketId, Market>,
    requests: BTreeMap<(MarketId, AccountId, RequestId), Sequence>,
}

/// The known state of one market.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) terms: Terms,
    pub(super) phase: Phase,
    pub(super) next_priority: Priority,
    pub(super) last_trade: TradeNumber,
    pub(super) epoch: EpochNumber,
    first_sequence: Sequence,
    turnover: Turnover,
    accepted: u64,
    cancelled: u64,
    orders: BTreeMap<OrderId, Order>,
}

/// The known state of a live order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) party: Party,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) open: Quantity,
    pub(super) priority: Priority,
}

impl Market {
    fn new(spec: &MarketSpec, sequence: Sequence) -> Self {
        Self {
            terms: spec.terms,
            phase: Phase::Closed,
            next_priority: Priority(1),
            last_trade: TradeNumber(0),
            epoch: EpochNumber(1),
            first_sequence: sequence,
            turnover: Turnover::default(),
            accepted: 0,
            cancelled: 0,
            orders: BTreeMap::new(),
        }
    }

    pub(super) fn order(&self, order: OrderId) -> Option<&Order> {
        self.orders.get(&order)
    }

    /// The summary that a close should have, apart from its uniform price.
    pub(super) fn summary(&self, command: &Command) -> EpochSummary {
        EpochSummary {
            number: self.epoch,
            first_sequence: self.first_sequence,
            last_sequence: command.sequence,
            turnover: self.turnover,
            last_trade: self.last_trade,
            accepted: self.accepted,
            cancelled: self.cancelled,
            clearing: None,
            bids: self.side(Side::Buy),
            asks: self.side(Side::Sell),
            next_priority: self.next_priority,
        }
    }

    fn side(&self, side: Side) -> SideSummary {
        let mut sum = SideSummary::default();
        for order in self.orders.values().filter(|o| o.side == side) {
            if order.kind.stop().is_some() {
                sum.waiting += 1;
                sum.waiting_quantity = sum.waiting_quantity.plus(order.open);
                continue;
            }
            sum.resting += 1;
            sum.resting_quantity = sum.resting_quantity.plus(order.open);
            let better = |a: Price, b: Price| match side {
                Side::Buy => a.max(b),
                Side::Sell => a.min(b),
            };
            sum.best = match (sum.best, order.kind.price()) {
                (Some(best), Some(price)) => Some(better(best, price)),
                (best, price) => best.or(price),
            };
        }
        sum
    }

    fn enter_queue(&mut self, order: OrderId, priority: Priority) {
        self.next_priority = Priority(priority.0.saturating_add(1));
        if let Some(order) = self.orders.get_mut(&order) {
            order.priority = priority;
        }
    }

    fn set_open(&mut self, order: OrderId, open: Quantity) {
        if open.is_zero() {
            self.orders.remove(&order);
        } else if let Some(order) = self.orders.get_mut(&order) {
            order.open = open;
        }
    }

    fn traded(&mut self, price: Price, quantity: Quantity) {
        let turnover = &mut self.turnover;
        let before = turnover.prices.unwrap_or(Prices {
            open: price,
            high: price,
            low: price,
            close: price,
        });
        turnover.prices = Some(Prices {
            open: before.open,
            high: before.high.max(price),
            low: before.low.min(price),
            close: price,
        });
        turnover.volume += u128::from(quantity.0);
        let notional = i128::from(price.0) * i128::from(quantity.0);
        turnover.notional = Notional(turnover.notional.0 + notional);
        turnover.trades += 1;
    }

    fn placed(&mut self, account: AccountId, place: &Place, priority: Priority) {
        let (order, reference) = (place.order, place.reference);
        let order = Order {
            party: Party { order, account, reference },
            side: place.side,
            kind: place.kind,
            open: place.quantity,
            priority,
        };
        self.orders.insert(place.order, order);
        self.accepted += 1;
        self.enter_queue(place.order, priority);
    }

    fn amended(&mut self, order: OrderId, kind: OrderKind, open: Quantity, priority: Priority) {
        if let Some(known) = self.orders.get_mut(&order) {
            (known.kind, known.open) = (kind, open);
            if known.priority != priority {
                self.enter_queue(order, priority);
            }
        }
    }

    fn triggered(&mut self, order: OrderId, priority: Priority) {
        self.enter_queue(order, priority);
        if let Some(known) = self.orders.get_mut(&order) {
            let limit = |price| OrderKind::Limit { price };
            known.kind = known.kind.price().map_or(OrderKind::Market, limit);
        }
    }

    fn next_epoch(&mut self, closed: EpochNumber, sequence: Sequence) {
        self.epoch = EpochNumber(closed.0.saturating_add(1));
        self.first_sequence = Sequence(sequence.0.saturating_add(1));
        self.turnover = Turnover::default();
        (self.accepted, self.cancelled) = (0, 0);
    }

    fn apply(&mut self, event: &Event, sequence: Sequence) {
        match event {
            Event::Accepted { account, place, priority } => self.placed(*account, place, *priority),
            Event::Traded { number, maker, taker, maker_remaining, taker_remaining, .. } => {
                self.last_trade = *number;
                self.set_open(maker.order, *maker_remaining);
                self.set_open(taker.order, *taker_remaining);
            }
            Event::Reduced { party, remaining, .. } => self.set_open(party.order, *remaining),
            Event::Amended { party, kind, remaining, priority, .. } => {
                self.amended(party.order, *kind, *remaining, *priority);
            }
            Event::Cancelled { party, .. } => {
                self.orders.remove(&party.order);
                self.cancelled += 1;
            }
            Event::Triggered { party, priority } => self.triggered(party.order, *priority),
            Event::Replenished { party, priority, .. } => self.enter_queue(party.order, *priority),
            Event::PhaseChanged { to, .. } => self.phase = *to,
            Event::EpochClosed(summary) => self.next_epoch(summary.number, sequence),
            Event::MarketSet(terms) => self.terms = *terms,
            Event::Rejected { .. }
            | Event::MarketAdded(_)
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
        if let Event::Traded { price, quantity, .. } = event {
            self.traded(*price, *quantity);
        }
    }
}

impl KnownState {
    pub(super) fn market(&self, market: MarketId) -> Option<&Market> {
        self.markets.get(&market)
    }

    /// Applies an event.
    pub(super) fn apply(&mut self, command: &Command, event: &Event) {
        if let Event::MarketAdded(spec) = event {
            self.markets.insert(command.market, Market::new(spec, command.sequence));
        } else if *event == Event::MarketRemoved {
            self.markets.remove(&command.market);
        } else if let Some(market) = self.markets.get_mut(&command.market) {
            market.apply(event, command.sequence);
        }
    }

    /// The time that the command's header should have.
    pub(super) fn time(&self, command: &Command) -> Timestamp {
        self.now.max(command.timestamp)
    }

    /// The command that a duplicate of this one should name.
    pub(super) fn original(&self, command: &Command) -> Option<Sequence> {
        let request = command.request?;
        self.requests.get(&(command.market, command.account, request)).copied()
    }

    /// Completes a command.
    pub(super) fn close(&mut self, command: &Command, events: &[Event]) {
        if command.sequence > self.last_sequence {
            self.last_sequence = command.sequence;
            self.now = self.time(command);
        }
        let not_recorded = |event: &Event| {
            matches!(
                event,
                Event::Duplicate { .. }
                    | Event::Rejected { reason: Reason::UnknownMarket | Reason::OutOfSequence, .. }
            )
        };
        if let Some(request) = command.request
            && !events.iter().any(not_recorded)
        {
            let key = (command.market, command.account, request);
            self.requests.insert(key, command.sequence);
        }
    }
}

/// The order that a command names.
pub(super) const fn named(action: &Action) -> Option<OrderId> {
    match action {
        Action::Place(place) => Some(place.order),
        Action::Amend(amend) => Some(amend.order),
        Action::Cancel { order } => Some(*order),
        Action::AddMarket(_)
        | Action::SetMarket(_)
        | Action::RemoveMarket
        | Action::CancelAll { .. }
        | Action::CancelSession { .. }
        | Action::SetPhase(_)
        | Action::CloseEpoch { .. }
        | Action::AdvanceTime
        | Action::BlockAccount(_)
        | Action::UnblockAccount(_) => None,
    }
}
