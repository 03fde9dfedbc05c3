//! An engine with a fixed number of orders, and commands for some of them.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use pricetime_engine::{
    AccountId, Action, Amend, Command, Engine, Event, Header, MarketId, OrderId, OrderKind,
    Outcome, Phase, Place, Price, Quantity, Side, Sink, TimeInForce,
};

use super::super::memory;
use crate::orders::{Orders, Prices, Shape, order};

/// The most orders that commands are chosen from.
const KNOWN_MAX: usize = 200_000;

/// An order that a command can name.
#[derive(Clone, Copy, Debug)]
struct Known {
    order: OrderId,
    market: MarketId,
    account: AccountId,
    side: Side,
    price: Price,
    open: Quantity,
}

/// An engine, and some of its orders.
pub(super) struct Books {
    pub(super) engine: Engine,
    pub(super) orders: Orders,
    known: Vec<Known>,
    places: HashMap<OrderId, usize>,
    events: Events,
}

/// What the events of some commands say.
#[derive(Default)]
struct Events {
    /// What is left of each order that traded.
    left: Vec<(OrderId, Quantity)>,
    /// The number of makers that were filled.
    filled: usize,
    rejected: u64,
}

impl Sink for Events {
    fn begin(&mut self, _: &Header) {}

    fn event(&mut self, event: &Event) {
        if let Event::Traded { maker, taker, maker_remaining, taker_remaining, .. } = event {
            self.filled += usize::from(maker_remaining.is_zero());
            self.left.push((maker.order, *maker_remaining));
            // When an epoch closes, an order that rested can be the taker.
            self.left.push((taker.order, *taker_remaining));
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.rejected += u64::from(outcome != Outcome::Accepted);
    }
}

fn known(command: &Command) -> Option<Known> {
    let Action::Place(Place { order, side, kind, quantity, .. }) = command.action else {
        return None;
    };
    let (market, account, price) = (command.market, command.account, kind.price()?);
    Some(Known { order, market, account, side, price, open: quantity })
}

impl Books {
    /// Places this many orders. Also returns by how much the memory of the process grew.
    pub(super) fn fill(seed: u64, count: usize, markets: u32) -> (Self, Option<u64>) {
        let shape = Shape { resting: count, prices: Prices::Narrow, markets };
        let mut orders = Orders::new(seed, shape);
        // The memory of these lists is touched first, so that it is not counted as the engine's.
        let size = KNOWN_MAX.min(count) * 2;
        let mut list = Vec::with_capacity(size);
        let mut places = HashMap::with_capacity(size);
        let opening = orders.open(Phase::Continuous);
        if let Some(one) = known(&orders.rest()) {
            list.resize(size, one);
            places.extend((0..size).map(|at| (OrderId(at as u128), at)));
            list.clear();
            places.clear();
        }
        let before = memory::resident();
        let mut books = Self {
            engine: Engine::new(markets),
            orders,
            known: list,
            places,
            events: Events::default(),
        };
        for command in &opening {
            books.engine.apply(command, &mut ());
        }
        let every = count.div_ceil(KNOWN_MAX);
        for at in 0..count {
            let command = books.orders.rest();
            books.engine.apply(&command, &mut ());
            if at.is_multiple_of(every) {
                books.know(&command);
            }
        }
        let grown = memory::resident().zip(before).map(|(now, then)| now.saturating_sub(then));
        (books, grown)
    }

    /// Executes commands, and returns how long they took.
    fn execute(&mut self, commands: &[Command]) -> Duration {
        let start = Instant::now();
        for command in commands {
            std::hint::black_box(
                self.engine.apply(std::hint::black_box(command), &mut self.events),
            );
        }
        start.elapsed()
    }

    /// Places orders that rest.
    pub(super) fn place(&mut self, count: usize) -> Duration {
        let commands: Vec<_> = (0..count).map(|_| self.orders.rest()).collect();
        let time = self.execute(&commands);
        commands.iter().for_each(|command| self.know(command));
        time
    }

    /// Cancels orders anywhere in the books.
    pub(super) fn cancel(&mut self, count: usize) -> Duration {
        let mut commands = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(Known { order, market, account, .. }) = self.any() else { break };
            self.forget(order);
            commands.push(self.orders.stamp(market, account, Action::Cancel { order }));
        }
        self.execute(&commands)
    }

    /// Reduces orders anywhere in the books by one lot.
    pub(super) fn reduce(&mut self, count: usize) -> Duration {
        self.amend(count, |_, one| one.open = Quantity((one.open.0 - 1).max(1)))
    }

    /// Moves orders anywhere in the books to another price.
    pub(super) fn replace(&mut self, count: usize) -> Duration {
        self.amend(count, |orders, one| one.price = orders.price(one.side))
    }

    fn amend(&mut self, count: usize, change: impl Fn(&mut Orders, &mut Known)) -> Duration {
        let mut commands = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(at) = self.orders.random.any(&self.known).map(|it| it.order) else { break };
            let Some(one) = self.places.get(&at).and_then(|at| self.known.get_mut(*at)) else {
                break;
            };
            let before = *one;
            change(&mut self.orders, one);
            let Known { order, market, account, price, open, .. } = *one;
            let amend = Amend {
                order,
                price: (price != before.price).then_some(price),
                quantity: (open != before.open).then_some(open),
                stop_price: None,
                if_open: None,
                // An amend that changes nothing would be refused.
                requeue: price == before.price && open == before.open,
            };
            commands.push(self.orders.stamp(market, account, Action::Amend(amend)));
        }
        self.execute(&commands)
    }

    /// Takes the best orders, about one for each command. Then as many orders are placed as were filled.
    pub(super) fn trade(&mut self, count: usize) -> Duration {
        let take = |orders: &mut Orders| {
            let mut command = orders.rest();
            if let Action::Place(place) = &mut command.action {
                place.kind = OrderKind::Market;
                place.time_in_force = TimeInForce::ImmediateOrCancel;
            }
            command
        };
        let commands: Vec<_> = (0..count).map(|_| take(&mut self.orders)).collect();
        let time = self.execute(&commands);
        let filled = self.note_trades();
        self.place(filled);
        time
    }

    /// Crosses this many orders in one market and closes its epoch, which is what is timed.
    pub(super) fn close(&mut self, crossed: usize) -> Duration {
        const OWNER: AccountId = AccountId(1_000_000);
        let market = self.orders.market();
        let call = self.orders.operate(market, Action::SetPhase(Phase::Call));
        self.execute(&[call]);
        let mut crossing = Vec::with_capacity(crossed);
        for at in 0..crossed {
            let side = if at % 2 == 0 { Side::Buy } else { Side::Sell };
            let price = self.orders.price(side.opposite());
            let command = self.orders.place(market, order(side, price, Quantity(100)));
            self.execute(&[Command { account: OWNER, ..command }]);
            crossing.extend(known(&command).map(|one| one.order));
        }
        let number = self.engine.market(market).map(|book| book.head().epoch).unwrap_or_default();
        let close = self.orders.operate(market, Action::CloseEpoch { number });
        let time = self.execute(&[close]);
        let filled = self.events.left.iter().filter(|(_, left)| left.is_zero());
        let filled: HashSet<_> = filled.map(|(order, _)| *order).collect();
        // To cancel all orders of an account takes a look at every order of the market.
        for order in crossing.into_iter().filter(|order| !filled.contains(order)) {
            let cancel = self.orders.stamp(market, OWNER, Action::Cancel { order });
            self.execute(&[cancel]);
        }
        let resume = self.orders.operate(market, Action::SetPhase(Phase::Continuous));
        self.execute(&[resume]);
        self.note_trades();
        time
    }

    /// The number of commands that were refused. It is zero unless this file is wrong.
    pub(super) const fn rejected(&self) -> u64 {
        self.events.rejected
    }

    /// Notes what is left of the orders that were taken from. Returns how many were filled.
    fn note_trades(&mut self) -> usize {
        for (order, left) in std::mem::take(&mut self.events.left) {
            if left.is_zero() {
                self.forget(order);
            } else if let Some(one) = self.places.get(&order).and_then(|at| self.known.get_mut(*at))
            {
                one.open = left;
            }
        }
        std::mem::take(&mut self.events.filled)
    }

    fn any(&mut self) -> Option<Known> {
        self.orders.random.any(&self.known).copied()
    }

    fn know(&mut self, command: &Command) {
        if let Some(one) = known(command).filter(|_| self.known.len() < self.known.capacity()) {
            self.places.insert(one.order, self.known.len());
            self.known.push(one);
        }
    }

    fn forget(&mut self, order: OrderId) {
        let Some(at) = self.places.remove(&order) else { return };
        self.known.swap_remove(at);
        if let Some(moved) = self.known.get(at) {
            self.places.insert(moved.order, at);
        }
    }
}
