//! One market of the image, and how each event changes it.

use std::collections::BTreeSet;

use pricetime_engine::{
    AccountId, Call, EpochNumber, EpochSummary, Event, Header, Level, MarketHead, MarketSnapshot,
    MarketSpec, Notional, OrderId, OrderKind, OrderRecord, Outcome, Party, Phase, Place, Price,
    Prices, Priority, Quantity, RequestId, RequestRecord, Sequence, Side, SideSummary, TimeInForce,
    TradeNumber, Turnover, Until, Window,
};

use super::changes::{ChangeTracker, Changes};
use super::frozen::{AccountOrders, FrozenBook, FrozenMarket, OrderStorage};
use super::sides::Sides;
use super::slots::Slots;
use crate::index_key::index_key;

/// The state of a market according to its events.
#[derive(Clone, Debug)]
pub struct MarketImage {
    head: MarketHead,
    /// The order that the current group has accepted. Most of its trades are in that group, and often all of
    /// them, so it takes its place only at the end of the group.
    incoming: Option<OrderRecord>,
    orders: Slots,
    changed: ChangeTracker,
    sides: Sides,
    blocked: BTreeSet<AccountId>,
    requests: Window,
}

impl MarketImage {
    pub(super) fn new(header: &Header, spec: &MarketSpec) -> Self {
        Self::with_head(MarketHead {
            market: header.market,
            spec: *spec,
            phase: Phase::Closed,
            last_sequence: header.sequence,
            last_price: None,
            last_trade: TradeNumber(0),
            next_priority: Priority(1),
            epoch: EpochNumber(1),
            epoch_first_sequence: header.sequence,
            turnover: Turnover::default(),
            accepted: 0,
            cancelled: 0,
        })
    }

    fn with_head(head: MarketHead) -> Self {
        Self {
            head,
            incoming: None,
            orders: Slots::default(),
            changed: ChangeTracker::default(),
            sides: Sides::default(),
            blocked: BTreeSet::new(),
            requests: Window::new(index_key()),
        }
    }

    pub(super) fn from_snapshot(snapshot: &MarketSnapshot) -> Self {
        let mut market = Self::with_head(snapshot.head);
        market.orders.reserve(snapshot.resting.len().saturating_add(snapshot.waiting.len()));
        for order in snapshot.resting.iter().chain(&snapshot.waiting) {
            // Changes are counted from the snapshot on, so its own orders are not among them.
            market.sides.add(order);
            if let (_, Some(old)) = market.orders.insert(*order) {
                market.sides.take(&old);
            }
        }
        market.blocked.extend(&snapshot.blocked);
        let requests_max = snapshot.head.spec.limits.requests_max;
        for request in &snapshot.requests {
            market.requests.remember(*request, requests_max);
        }
        market
    }

    /// The spec, phase, counters and epoch totals of the market.
    #[must_use]
    pub const fn head(&self) -> &MarketHead {
        &self.head
    }

    /// Returns a live order.
    #[must_use]
    pub fn order(&self, order: OrderId) -> Option<&OrderRecord> {
        self.orders.get(order)
    }

    /// Returns the live orders of an account, sorted by priority.
    #[must_use]
    pub fn orders_of(&self, account: AccountId) -> Vec<OrderRecord> {
        self.freeze_orders_of(account).into_records()
    }

    /// Returns the live orders of an account as they are now, independent of later changes. This copies
    /// the orders of the account, or shares the pages of all orders if there are fewer pages.
    #[must_use]
    pub fn freeze_orders_of(&self, account: AccountId) -> AccountOrders {
        let (count, pages) = (self.orders.count_of(account), self.orders.pages());
        if count > pages.len() {
            return AccountOrders(OrderStorage::Pages(account, pages.to_vec()));
        }
        let mut orders = Vec::with_capacity(count);
        orders.extend(self.orders.of(account));
        AccountOrders(OrderStorage::Copied(orders))
    }

    /// Returns the best level of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// Returns the level of a side at a price, if there is one.
    #[must_use]
    pub fn level(&self, side: Side, price: Price) -> Option<Level> {
        self.sides.level(side, price)
    }

    /// Returns the levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.sides.levels(side)
    }

    /// How many levels a side has.
    #[must_use]
    pub fn depth_of(&self, side: Side) -> usize {
        self.sides.depth(side)
    }

    /// Returns the levels as they are now, independent of later changes. This copies no level. The time
    /// grows with the number of chunks, about a 32nd of the number of levels.
    #[must_use]
    pub fn freeze_book(&self) -> FrozenBook {
        FrozenBook { head: self.head, sides: self.sides.clone() }
    }

    /// Returns what an uncross would find and do now, or `None` if the market is not in Call. The time
    /// grows with the number of chunks, about a 32nd of the number of levels.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        (self.head.phase == Phase::Call).then(|| self.sides.call(self.head.reference()))
    }

    /// Returns the totals of a side.
    #[must_use]
    pub fn totals(&self, side: Side) -> SideSummary {
        self.sides.totals(side)
    }

    /// Returns the record of a request, if it is still in the window.
    #[must_use]
    pub fn request(&self, account: AccountId, request: RequestId) -> Option<&RequestRecord> {
        self.requests.find(account, request)
    }

    /// How many orders have changed since changes were last taken. That is at most the number of orders
    /// that were live then plus the number of those that are live now.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.changed.len()
    }

    pub(super) fn take_changes(&mut self, sequence: Sequence) -> Changes {
        self.changed.take(sequence, &self.orders)
    }

    /// Returns the digest of the market, which equals the engine's. The time grows with the number of
    /// orders.
    #[must_use]
    pub fn digest(&self) -> u128 {
        // A digest is a sum over records, so the orders need not be sorted for it.
        let rest = MarketSnapshot {
            head: self.head,
            resting: Vec::new(),
            waiting: Vec::new(),
            blocked: self.blocked.iter().copied().collect(),
            requests: self.requests.iter().copied().collect(),
        };
        let orders = self.orders.iter().map(OrderRecord::digest);
        orders.fold(rest.digest(), u128::wrapping_add)
    }

    /// Returns the state of the market.
    #[must_use]
    pub fn snapshot(&self) -> MarketSnapshot {
        self.freeze().into_snapshot()
    }

    /// Returns the state of the market as it is now, independent of later changes.
    pub(super) fn freeze(&self) -> FrozenMarket {
        FrozenMarket {
            head: self.head,
            orders: self.orders.pages().to_vec(),
            blocked: self.blocked.iter().copied().collect(),
            requests: self.requests.iter().copied().collect(),
        }
    }

    /// Records the sequence of a command for this market.
    pub(super) const fn record_sequence(&mut self, sequence: Sequence) {
        self.head.last_sequence = sequence;
    }

    /// Applies an event. Returns what differs if the totals of a closed epoch are not those of the image.
    pub(super) fn take(&mut self, header: &Header, event: &Event) -> Result<(), &'static str> {
        match event {
            Event::Accepted { account, place, priority } => {
                self.accepted(header, *account, place, *priority);
            }
            Event::Traded {
                number,
                maker,
                taker,
                price,
                quantity,
                maker_remaining,
                taker_remaining,
                taker_side: _,
            } => {
                self.head.last_trade = *number;
                self.head.last_price = Some(*price);
                add_to_turnover(&mut self.head.turnover, *price, *quantity);
                self.apply_trade(maker, *maker_remaining, Some(*quantity));
                self.apply_trade(taker, *taker_remaining, None);
            }
            Event::Reduced { party, remaining, shown, by: _ } => {
                self.set_remaining(party, *remaining, |order| order.shown = *shown);
            }
            Event::Amended { party, kind, remaining, shown, priority } => {
                self.set_priority(party, *priority, |order| {
                    (order.kind, order.open, order.shown) = (*kind, *remaining, *shown);
                });
            }
            Event::Cancelled { party, .. } => {
                self.drop_order(party.order);
                self.head.cancelled = self.head.cancelled.saturating_add(1);
            }
            Event::Triggered { party, priority } => self.set_priority(party, *priority, |order| {
                order.kind = elected(order.kind);
                order.shown = shown(order);
            }),
            Event::Replenished { party, remaining, shown, priority } => {
                self.set_priority(party, *priority, |order| {
                    (order.open, order.shown) = (*remaining, *shown);
                });
            }
            Event::PhaseChanged { to, from: _ } => self.head.phase = *to,
            Event::EpochClosed(summary) => return self.close_epoch(summary),
            Event::MarketSet(terms) => self.head.spec.terms = *terms,
            Event::AccountBlocked(account) => _ = self.blocked.insert(*account),
            Event::AccountUnblocked(account) => _ = self.blocked.remove(account),
            // `Image` applies the first two. The others change nothing.
            Event::MarketAdded(_)
            | Event::MarketRemoved
            | Event::Rejected { .. }
            | Event::Duplicate { .. } => {}
        }
        Ok(())
    }

    /// Takes in a new order. Its kind determines its place.
    fn accepted(&mut self, header: &Header, account: AccountId, place: &Place, priority: Priority) {
        let mut order = OrderRecord {
            party: Party { order: place.order, account, reference: place.reference },
            side: place.side,
            kind: place.kind,
            until: self.until(place.time_in_force),
            post_only: place.post_only,
            minimum_quantity: place.minimum_quantity,
            display_quantity: place.display_quantity,
            self_trade: place.self_trade,
            open: place.quantity,
            shown: Quantity::ZERO,
            priority,
            session: header.session,
        };
        order.shown = shown(&order);
        self.place_incoming();
        self.incoming = Some(order);
        self.raise_next_priority(priority);
        self.head.accepted = self.head.accepted.saturating_add(1);
    }

    fn until(&self, time_in_force: TimeInForce) -> Until {
        match time_in_force {
            TimeInForce::GoodTillCancel => Until::Cancelled,
            TimeInForce::ImmediateOrCancel => Until::Immediate,
            TimeInForce::FillOrKill => Until::Filled,
            TimeInForce::GoodTillDate(time) => Until::Time(time),
            TimeInForce::ForEpochs(epochs) => {
                let last = self.head.epoch.0.saturating_add(epochs.saturating_sub(1));
                Until::Epoch(EpochNumber(last))
            }
        }
    }

    /// Applies a trade to one of its orders. In Continuous, a maker trades from the quantity that it
    /// shows, and a taker from all of its quantity. In any other phase the trade is part of an uncross,
    /// in which both trade from all of it.
    fn apply_trade(&mut self, party: &Party, remaining: Quantity, given: Option<Quantity>) {
        let given = given.filter(|_| self.head.phase == Phase::Continuous);
        self.set_remaining(party, remaining, |order| {
            order.shown = given.map_or_else(
                || shown(order),
                |given| Quantity(order.shown.0.saturating_sub(given.0)),
            );
        });
    }

    /// Sets what remains of an order, or removes the order if nothing remains. `show` sets what the order
    /// shows.
    fn set_remaining(
        &mut self,
        party: &Party,
        remaining: Quantity,
        show: impl FnOnce(&mut OrderRecord),
    ) {
        if remaining.is_zero() {
            self.drop_order(party.order);
        } else {
            self.change(party.order, |order| {
                order.open = remaining;
                show(order);
            });
        }
    }

    /// Gives an order this priority.
    fn set_priority(&mut self, party: &Party, at: Priority, change: impl FnOnce(&mut OrderRecord)) {
        self.change(party.order, |order| {
            order.priority = at;
            change(order);
        });
        self.raise_next_priority(at);
    }

    /// Keeps the next priority above the highest one ever given.
    fn raise_next_priority(&mut self, given: Priority) {
        let next = Priority(given.0.saturating_add(1));
        self.head.next_priority = self.head.next_priority.max(next);
    }

    /// Puts the order that the group has accepted, if it is still live, in its place.
    fn place_incoming(&mut self) {
        let Some(order) = self.incoming.take() else { return };
        self.sides.add(&order);
        match self.orders.insert(order) {
            (slot, None) => self.changed.record_added(slot),
            (slot, Some(old)) => {
                self.sides.take(&old);
                self.changed.record_changed(slot);
            }
        }
    }

    fn change(&mut self, order: OrderId, change: impl FnOnce(&mut OrderRecord)) {
        if let Some(incoming) = self.incoming.as_mut().filter(|it| it.party.order == order) {
            change(incoming);
        } else if let Some((slot, record)) = self.orders.get_mut(order) {
            let old = *record;
            change(record);
            self.sides.change(&old, record);
            self.changed.record_changed(slot);
        }
    }

    fn drop_order(&mut self, order: OrderId) {
        if self.incoming.as_ref().is_some_and(|it| it.party.order == order) {
            self.incoming = None;
            return;
        }
        let Self { orders, sides, changed, .. } = self;
        orders.remove(order, |slot, record| {
            sides.take(record);
            changed.record_removed(slot, order);
        });
    }

    /// Compares the totals of the epoch with those in the event, and resets them for the next epoch.
    fn close_epoch(&mut self, summary: &EpochSummary) -> Result<(), &'static str> {
        self.place_incoming();
        let same = self.compare(summary);
        self.head.epoch = EpochNumber(summary.number.0.saturating_add(1));
        self.head.epoch_first_sequence = Sequence(summary.last_sequence.0.saturating_add(1));
        self.head.turnover = Turnover::default();
        self.head.accepted = 0;
        self.head.cancelled = 0;
        same
    }

    fn compare(&self, summary: &EpochSummary) -> Result<(), &'static str> {
        let head = &self.head;
        let same = |holds: bool, what| if holds { Ok(()) } else { Err(what) };
        same(summary.number == head.epoch, "the epoch's number")?;
        same(summary.first_sequence == head.epoch_first_sequence, "the epoch's first command")?;
        same(summary.last_sequence == head.last_sequence, "the epoch's last command")?;
        same(summary.turnover == head.turnover, "what traded")?;
        same(summary.last_trade == head.last_trade, "the last trade's number")?;
        same(summary.accepted == head.accepted, "the count of accepted orders")?;
        same(summary.cancelled == head.cancelled, "the count of cancelled orders")?;
        same(summary.next_priority == head.next_priority, "the next priority")?;
        same(summary.bids == self.totals(Side::Buy), "the bids")?;
        same(summary.asks == self.totals(Side::Sell), "the asks")
    }

    /// Ends the group of a command. Remembers its request id, refused or not, unless the command only
    /// repeated another one.
    pub(super) fn end(&mut self, header: &Header, outcome: Outcome) {
        self.place_incoming();
        if let Some(mark) = header.request.filter(|_| outcome != Outcome::Duplicate) {
            let record = RequestRecord {
                account: header.account,
                request: mark.id,
                sequence: header.sequence,
                outcome,
                content: mark.content,
            };
            self.requests.remember(record, self.head.spec.limits.requests_max);
        }
    }
}

/// Computes anew what an order shows. A waiting stop shows nothing.
fn shown(order: &OrderRecord) -> Quantity {
    if order.kind.stop().is_some() {
        return Quantity::ZERO;
    }
    order.display_quantity.map_or(order.open, |display| display.min(order.open))
}

/// Returns the kind of order that a stop becomes.
fn elected(kind: OrderKind) -> OrderKind {
    match kind {
        OrderKind::Stop { .. } | OrderKind::Market => OrderKind::Market,
        OrderKind::StopLimit { price, .. } | OrderKind::Limit { price } => {
            OrderKind::Limit { price }
        }
    }
}

fn add_to_turnover(turnover: &mut Turnover, price: Price, quantity: Quantity) {
    let prices =
        turnover.prices.unwrap_or(Prices { open: price, high: price, low: price, close: price });
    let amount = i128::from(price.0) * i128::from(quantity.0);
    *turnover = Turnover {
        prices: Some(Prices {
            open: prices.open,
            high: prices.high.max(price),
            low: prices.low.min(price),
            close: price,
        }),
        volume: turnover.volume.saturating_add(u128::from(quantity.0)),
        notional: Notional(turnover.notional.0.saturating_add(amount)),
        trades: turnover.trades.saturating_add(1),
    };
}
