//! What events mean: a consumer that is told nothing but groups and holds the same deciding state.
//!
//! It never asks the core anything and never sees a command. Whatever it cannot know from a header,
//! the events and the outcome is missing there, and that is what the comparison looks for. A group
//! that makes no sense to it (an event of an order that it does not know) changes nothing, so that
//! a faulty core shows as a difference and not as a panic.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use pricetime_engine::{
    AccountId, EngineSnapshot, EpochNumber, EpochSummary, Event, Group, Header, MarketHead,
    MarketId, MarketSnapshot, MarketSpec, Notional, OrderId, OrderKind, OrderRecord, Outcome,
    Party, Phase, Place, Price, Prices, Priority, Quantity, RequestRecord, Sequence, TimeInForce,
    Timestamp, TradeNumber, Turnover, Until, rules,
};

/// The state that the groups taken so far add up to.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    last_sequence: Sequence,
    last_timestamp: Timestamp,
    last_market: MarketId,
    markets: BTreeMap<MarketId, Market>,
}

/// One market.
#[derive(Clone, Debug)]
struct Market {
    head: MarketHead,
    orders: BTreeMap<OrderId, OrderRecord>,
    blocked: BTreeSet<AccountId>,
    requests: Vec<RequestRecord>,
}

impl Fold {
    /// Takes the next group in.
    pub fn take(&mut self, group: &Group) {
        let Group { header, events, outcome } = group;
        // A number that is not above the last one was refused for it, and nothing moved.
        if header.sequence <= self.last_sequence {
            return;
        }
        self.last_sequence = header.sequence;
        self.last_timestamp = header.timestamp;
        if let Some(market) = self.markets.get_mut(&header.market) {
            market.head.last_sequence = header.sequence;
        }
        for event in events {
            if let Event::MarketAdded(spec) = event {
                let market = Market::new(header, spec);
                self.last_market = header.market;
                self.markets.insert(header.market, market);
            } else if *event == Event::MarketRemoved {
                self.markets.remove(&header.market);
            } else if let Some(market) = self.markets.get_mut(&header.market) {
                market.take(header, event);
            }
        }
        // A market that has just been added remembers how; one that is removed remembers nothing.
        if let Some(market) = self.markets.get_mut(&header.market) {
            market.remember(header, *outcome);
        }
    }

    /// The number of the last group that counted, zero before the first.
    #[must_use]
    pub const fn last_sequence(&self) -> Sequence {
        self.last_sequence
    }

    /// The whole deciding state.
    #[must_use]
    pub fn snapshot(&self) -> EngineSnapshot {
        EngineSnapshot {
            rules_version: rules::VERSION,
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            last_market: self.last_market,
            markets: self.markets.values().map(Market::snapshot).collect(),
        }
    }
}

impl Market {
    fn new(header: &Header, spec: &MarketSpec) -> Self {
        Self {
            head: MarketHead {
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
            },
            orders: BTreeMap::new(),
            blocked: BTreeSet::new(),
            requests: Vec::new(),
        }
    }

    fn take(&mut self, header: &Header, event: &Event) {
        match event {
            Event::Accepted { account, place, priority } => {
                self.accepted(header, *account, place, *priority)
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
                turn_over(&mut self.head.turnover, *price, *quantity);
                self.traded(maker, *maker_remaining, Some(*quantity));
                self.traded(taker, *taker_remaining, None);
            }
            Event::Reduced { party, remaining, shown, by: _ } => {
                self.left(party, *remaining, |order| order.shown = *shown)
            }
            Event::Amended { party, kind, remaining, shown, priority } => {
                self.entered(party, *priority, |order| {
                    order.kind = *kind;
                    order.open = *remaining;
                    order.shown = *shown;
                })
            }
            Event::Cancelled { party, .. } => {
                self.orders.remove(&party.order);
                self.head.cancelled += 1;
            }
            Event::Triggered { party, priority } => self.entered(party, *priority, |order| {
                order.kind = elected(order.kind);
                order.shown = shown(order);
            }),
            Event::Replenished { party, remaining, shown, priority } => {
                self.entered(party, *priority, |order| {
                    order.open = *remaining;
                    order.shown = *shown;
                })
            }
            Event::PhaseChanged { to, from: _ } => self.head.phase = *to,
            Event::EpochClosed(summary) => self.closed(summary),
            Event::MarketSet(terms) => self.head.spec.terms = *terms,
            Event::AccountBlocked(account) => _ = self.blocked.insert(*account),
            Event::AccountUnblocked(account) => _ = self.blocked.remove(account),
            // The first two are the engine's; the others say that nothing happened.
            Event::MarketAdded(_)
            | Event::MarketRemoved
            | Event::Rejected { .. }
            | Event::Duplicate { .. } => {}
        }
    }

    /// A new order stands where its kind says until an event takes it away again, be it later in
    /// the same group.
    fn accepted(&mut self, header: &Header, account: AccountId, place: &Place, priority: Priority) {
        let party = Party { order: place.order, account, reference: place.reference };
        let mut order = OrderRecord {
            party,
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
        self.orders.insert(place.order, order);
        self.entered(&party, priority, |_| ());
        self.head.accepted += 1;
    }

    fn until(&self, time_in_force: TimeInForce) -> Until {
        match time_in_force {
            TimeInForce::GoodTillCancel => Until::Cancelled,
            TimeInForce::ImmediateOrCancel => Until::Immediate,
            TimeInForce::FillOrKill => Until::Filled,
            TimeInForce::GoodTillDate(time) => Until::Time(time),
            TimeInForce::ForEpochs(n) => {
                let last = self.head.epoch.0.saturating_add(n.saturating_sub(1));
                Until::Epoch(EpochNumber(last))
            }
        }
    }

    /// An order traded. In Continuous a maker gives of what it shows and a taker of the whole; in
    /// any other phase it was an uncross, which takes both as a whole.
    fn traded(&mut self, party: &Party, remaining: Quantity, given: Option<Quantity>) {
        let given = given.filter(|_| self.head.phase == Phase::Continuous);
        self.left(party, remaining, |order| {
            order.shown = given.map_or_else(
                || shown(order),
                |given| Quantity(order.shown.0.saturating_sub(given.0)),
            );
        });
    }

    /// An order has so much left, or is gone. What it shows of that is `show`'s.
    fn left(&mut self, party: &Party, remaining: Quantity, show: impl FnOnce(&mut OrderRecord)) {
        if remaining.is_zero() {
            self.orders.remove(&party.order);
        } else if let Some(order) = self.orders.get_mut(&party.order) {
            order.open = remaining;
            show(order);
        }
    }

    /// An order has this place in time; the next one is counted from the highest ever given.
    fn entered(&mut self, party: &Party, at: Priority, change: impl FnOnce(&mut OrderRecord)) {
        if let Some(order) = self.orders.get_mut(&party.order) {
            order.priority = at;
            change(order);
        }
        let next = Priority(at.0.saturating_add(1));
        self.head.next_priority = self.head.next_priority.max(next);
    }

    /// The epoch's counts begin anew.
    fn closed(&mut self, summary: &EpochSummary) {
        self.head.epoch = EpochNumber(summary.number.0 + 1);
        self.head.epoch_first_sequence = Sequence(summary.last_sequence.0.saturating_add(1));
        self.head.turnover = Turnover::default();
        self.head.accepted = 0;
        self.head.cancelled = 0;
    }

    /// A command with a key is remembered, refused or not, unless it only repeated another.
    fn remember(&mut self, header: &Header, outcome: Outcome) {
        let Some(mark) = header.request.filter(|_| outcome != Outcome::Duplicate) else {
            return;
        };
        self.requests.push(RequestRecord {
            account: header.account,
            request: mark.id,
            sequence: header.sequence,
            outcome,
            content: mark.content,
        });
        if self.requests.len() > self.head.spec.limits.requests_max as usize {
            let gone = self.first_to_forget();
            self.requests.remove(gone);
        }
    }

    /// Where the oldest request stands of the account that has the most; the first such account's.
    fn first_to_forget(&self) -> usize {
        let mut oldest = BTreeMap::new();
        for (at, request) in self.requests.iter().enumerate() {
            oldest.entry(request.account).or_insert((0, at)).0 += 1;
        }
        let first = oldest.values().min_by_key(|(count, at)| (Reverse(*count), *at));
        first.map_or(0, |(_, at)| *at)
    }

    fn snapshot(&self) -> MarketSnapshot {
        let mut orders: Vec<_> = self.orders.values().copied().collect();
        orders.sort_unstable_by_key(|order| order.priority);
        let (waiting, resting) = orders.into_iter().partition(|order| order.kind.stop().is_some());
        MarketSnapshot {
            head: self.head,
            resting,
            waiting,
            blocked: self.blocked.iter().copied().collect(),
            requests: self.requests.clone(),
        }
    }
}

/// What an order shows when its shown part is made afresh: nothing while it waits.
fn shown(order: &OrderRecord) -> Quantity {
    if order.kind.stop().is_some() {
        return Quantity::ZERO;
    }
    order.display_quantity.map_or(order.open, |display| display.min(order.open))
}

/// What a stop becomes.
fn elected(kind: OrderKind) -> OrderKind {
    match kind {
        OrderKind::Stop { .. } | OrderKind::Market => OrderKind::Market,
        OrderKind::StopLimit { price, .. } | OrderKind::Limit { price } => {
            OrderKind::Limit { price }
        }
    }
}

fn turn_over(turnover: &mut Turnover, price: Price, quantity: Quantity) {
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
        trades: turnover.trades + 1,
    };
}
