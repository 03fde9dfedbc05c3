//! Commands that depend on which orders are live.

use std::collections::HashMap;

use pricetime_engine::{
    AccountId, Action, Amend, Command, Engine, Event, Group, MarketId, OrderId, OrderKind,
    OrderView, Phase, Place, Price, Quantity, TimeInForce,
};

use crate::orders::{MIDDLE, Orders, Shape, order};

/// A live order, with the fields that the flow needs.
#[derive(Clone, Copy, Debug)]
struct RestingOrder {
    order: OrderId,
    market: MarketId,
    open: Quantity,
}

/// Makes commands and knows which of its orders are live. It runs an engine of its own.
#[derive(Debug)]
pub struct Flow {
    orders: Orders,
    engine: Engine,
    resting: Vec<RestingOrder>,
    resting_first: usize,
    places: HashMap<OrderId, usize>,
    /// The events of the last command.
    groups: Vec<Group>,
}

impl Flow {
    /// Creates the flow of a seed, and the commands that open its markets and fill its books.
    #[must_use]
    pub fn new(seed: u64, shape: Shape) -> (Self, Vec<Command>) {
        let mut flow = Self {
            orders: Orders::new(seed, shape),
            engine: Engine::new(shape.markets),
            resting: Vec::with_capacity(shape.resting),
            resting_first: shape.resting,
            places: HashMap::with_capacity(shape.resting),
            groups: Vec::new(),
        };
        let mut commands = flow.orders.open(Phase::Continuous);
        for command in &commands {
            flow.track(command);
        }
        commands.reserve_exact(shape.resting);
        commands.extend((0..shape.resting).map(|_| flow.rest()));
        (flow, commands)
    }

    /// Orders that rest.
    pub fn places(&mut self, count: usize) -> Vec<Command> {
        (0..count).map(|_| self.rest()).collect()
    }

    /// Cancels of live orders, anywhere in the book.
    pub fn cancels(&mut self, count: usize) -> Vec<Command> {
        (0..count).map(|_| self.cancel()).collect()
    }

    /// Amends that reduce live orders, which keep their place in the queue.
    pub fn amends(&mut self, count: usize) -> Vec<Command> {
        (0..count).map(|_| self.shrink()).collect()
    }

    /// Takers that each use up this many orders, starting with the best.
    pub fn sweeps(&mut self, count: usize, orders: usize) -> Vec<Command> {
        (0..count).map(|_| self.sweep(orders)).collect()
    }

    /// A mix: of a hundred commands 38 rest, 30 cancel, 12 reduce an order, 12 move an order to
    /// another price and 8 take one or two orders.
    pub fn mixed(&mut self, count: usize) -> Vec<Command> {
        let one = |flow: &mut Self| match flow.orders.random.below(100) {
            0..38 => flow.rest(),
            38..68 => flow.cancel(),
            68..80 => flow.shrink(),
            80..92 => flow.reprice(),
            _ => flow.take(),
        };
        (0..count).map(|_| one(self)).collect()
    }

    /// Like [`Flow::mixed`], with 4 icebergs and 4 stops among the orders that rest. However long
    /// the stream is, the number of orders stays within a twentieth of the initial one. Beyond
    /// that, cancels replace new orders, or new orders replace cancels.
    pub fn varied(&mut self, count: usize) -> Vec<Command> {
        let one = |flow: &mut Self| match flow.orders.random.below(100) {
            0..39 if flow.resting.len() * 20 > flow.resting_first * 21 => flow.cancel(),
            39..68 if flow.resting.len() * 20 < flow.resting_first * 19 => flow.rest(),
            0..31 => flow.rest(),
            31..35 => flow.emit(Orders::iceberg),
            35..39 => flow.emit(Orders::stop),
            39..68 => flow.cancel(),
            68..80 => flow.shrink(),
            80..92 => flow.reprice(),
            _ => flow.take(),
        };
        (0..count).map(|_| one(self)).collect()
    }

    fn rest(&mut self) -> Command {
        self.emit(Orders::rest)
    }

    fn cancel(&mut self) -> Command {
        match self.orders.random.any(&self.resting).copied() {
            Some(RestingOrder { order, market, .. }) => {
                self.emit(|orders| orders.operate(market, Action::Cancel { order }))
            }
            None => self.rest(),
        }
    }

    fn shrink(&mut self) -> Command {
        match self.orders.random.any(&self.resting).copied() {
            Some(one) => self.amend(one, None, Some(Quantity(one.open.0.div_ceil(2)))),
            None => self.rest(),
        }
    }

    fn reprice(&mut self) -> Command {
        let Some(one) = self.orders.random.any(&self.resting).copied() else {
            return self.rest();
        };
        let market = self.engine.market(one.market);
        match market.and_then(|market| market.order(one.order)).map(|view| view.record) {
            Some(record) if matches!(record.kind, OrderKind::Limit { .. }) => {
                let price = self.orders.price(record.side);
                self.amend(one, Some(price), None)
            }
            // A waiting stop has a different kind of price.
            _ => self.amend(one, None, Some(Quantity(one.open.0.div_ceil(2)))),
        }
    }

    fn amend(
        &mut self,
        RestingOrder { order, market, .. }: RestingOrder,
        price: Option<Price>,
        quantity: Option<Quantity>,
    ) -> Command {
        let view = self.engine.market(market).and_then(|market| market.order(order));
        let account = view.map_or(AccountId(0), |view| view.record.party.account);
        // An amend that changes nothing would be refused.
        let same = view.is_some_and(|OrderView { record, .. }| {
            price.is_none_or(|price| record.kind.price() == Some(price))
                && quantity.is_none_or(|open| record.open == open)
        });
        let amend =
            Amend { order, price, quantity, stop_price: None, if_open: None, requeue: same };
        self.emit(|orders| orders.stamp(market, account, Action::Amend(amend)))
    }

    /// Takes one or two orders.
    fn take(&mut self) -> Command {
        let orders = self.orders.random.pick([1, 2]);
        self.sweep(orders)
    }

    /// Takes this many orders completely.
    fn sweep(&mut self, orders: usize) -> Command {
        let (side, id) = (self.orders.side(), self.orders.market());
        let market = self.engine.market(id);
        let mut left = orders;
        let (mut price, mut quantity) = (MIDDLE, 0);
        for level in market.into_iter().flat_map(|market| market.levels(side.opposite())) {
            if left == 0 {
                break;
            }
            price = level.price;
            // A level with more orders than wanted contributes in proportion to their number.
            let level_orders = usize::try_from(level.orders).unwrap_or(usize::MAX).max(1);
            let taken = left.min(level_orders);
            quantity += level.quantity.0 / level_orders as u64 * taken as u64;
            left -= taken;
        }
        let plain = order(side, price, Quantity(quantity.max(1)));
        let taker = Place { time_in_force: TimeInForce::ImmediateOrCancel, ..plain };
        self.emit(|orders| orders.place(id, taker))
    }

    /// Makes a command and applies it to the flow's engine.
    fn emit(&mut self, make: impl FnOnce(&mut Orders) -> Command) -> Command {
        let command = make(&mut self.orders);
        self.track(&command);
        command
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "these flows cause no other events")]
    fn track(&mut self, command: &Command) {
        let mut groups = core::mem::take(&mut self.groups);
        groups.clear();
        self.engine.apply(command, &mut groups);
        for event in groups.iter().flat_map(|group| &group.events) {
            match event {
                Event::Accepted { place: Place { order, quantity: open, .. }, .. } => {
                    let (order, open, market) = (*order, *open, command.market);
                    self.places.insert(order, self.resting.len());
                    self.resting.push(RestingOrder { order, market, open });
                }
                Event::Traded { maker, taker, maker_remaining, taker_remaining, .. } => {
                    self.note(maker.order, *maker_remaining);
                    self.note(taker.order, *taker_remaining);
                }
                Event::Amended { party, remaining, .. } => self.note(party.order, *remaining),
                Event::Cancelled { party, .. } => self.note(party.order, Quantity::ZERO),
                _ => {}
            }
        }
        self.groups = groups;
    }

    /// Records the open quantity that is left of an order.
    fn note(&mut self, order: OrderId, open: Quantity) {
        let Some(at) = self.places.get(&order).copied() else {
            return;
        };
        if !open.is_zero() {
            self.resting[at].open = open;
            return;
        }
        self.resting.swap_remove(at);
        self.places.remove(&order);
        if let Some(moved) = self.resting.get(at) {
            self.places.insert(moved.order, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{Command, Engine, Outcome};

    use super::Flow;
    use crate::{Prices, Shape};

    type Make = fn(&mut Flow) -> Vec<Command>;

    fn live_after(markets: u32, commands: &[Command]) -> u32 {
        let mut engine = Engine::new(markets);
        for command in commands {
            assert_eq!(engine.apply(command, &mut ()), Outcome::Accepted, "{command:?}");
        }
        engine.audit().expect("every invariant holds");
        engine.markets().map(|market| market.live()).sum()
    }

    #[test]
    fn each_flow_leaves_the_expected_number_of_live_orders() {
        let flows: [(Make, u32, u32); 6] = [
            (|flow| flow.places(200), 1_200, 1_200),
            (|flow| flow.cancels(200), 800, 800),
            (|flow| flow.amends(200), 1_000, 1_000),
            (|flow| flow.sweeps(10, 10), 850, 950),
            (|flow| flow.mixed(1_000), 850, 1_150),
            (|flow| flow.varied(20_000), 930, 1_070),
        ];
        let shapes = [(Prices::Narrow, 1), (Prices::Wide, 1), (Prices::Scattered, 1)];
        for (prices, markets) in shapes.into_iter().chain([(Prices::Narrow, 10)]) {
            let shape = Shape { resting: 1_000, prices, markets };
            for (at, (make, low, high)) in flows.into_iter().enumerate() {
                let (mut flow, mut commands) = Flow::new(1, shape);
                commands.extend(make(&mut flow));
                let live = live_after(markets, &commands);
                assert!(low <= live && live <= high, "{shape:?}, flow {at}: {live} orders");
            }
        }
    }
}
