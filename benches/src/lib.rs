//! Flows of commands to measure with: a book of so many standing orders, and what happens to it.
//!
//! A flow is a plain list, made before anything is timed and the same for the same seed. Every
//! measurement begins with the standing book and ends before the flow has changed its size by much,
//! so that "100,000 resting orders" is true from the first command to the last.

use std::collections::HashMap;

use pricetime_engine::{
    AccountId, Action, Amend, Command, Engine, Event, Fees, Group, Limits, MarketId, MarketSpec,
    OrderId, OrderKind, Phase, Place, Price, Pricing, Quantity, SelfTrade, Sequence, Side, Step,
    Symbol, Terms, TimeInForce, Timestamp,
};
use pricetime_tests::generate::random::Random;

/// The only market.
pub const MARKET: MarketId = MarketId(1);
/// Between the bids and the asks.
const MIDDLE: i64 = 1_000_000;
/// On how many prices a side stands.
const PRICES: u64 = 1_000;
/// How many lots the smallest and the largest order have.
const LOTS: (u64, u64) = (10, 1_000);

/// Makes commands for one market, and knows which of its orders stand.
#[derive(Debug)]
pub struct Flow {
    random: Random,
    sequence: u64,
    orders: u128,
    engine: Engine,
    standing: Vec<(OrderId, Quantity)>,
    places: HashMap<OrderId, usize>,
}

impl Flow {
    /// The flow of a seed, and the commands that open its market and fill its book.
    #[must_use]
    pub fn new(seed: u64, standing: usize) -> (Self, Vec<Command>) {
        let mut flow = Self {
            random: Random::new(seed),
            sequence: 0,
            orders: 0,
            engine: Engine::new(1),
            standing: Vec::new(),
            places: HashMap::new(),
        };
        let mut commands = vec![
            flow.say(AccountId(0), Action::AddMarket(spec())),
            flow.say(AccountId(0), Action::SetPhase(Phase::Continuous)),
        ];
        commands.extend((0..standing).map(|_| flow.rest()));
        (flow, commands)
    }

    /// Orders that come to rest.
    pub fn places(&mut self, count: usize) -> Vec<Command> {
        (0..count).map(|_| self.rest()).collect()
    }

    /// Cancels of standing orders, anywhere in the book.
    pub fn cancels(&mut self, count: usize) -> Vec<Command> {
        (0..count).map(|_| self.cancel()).collect()
    }

    /// Amends that make standing orders smaller and so keep their place.
    pub fn amends(&mut self, count: usize) -> Vec<Command> {
        (0..count).map(|_| self.shrink()).collect()
    }

    /// Takers that each use up so many orders from the best one on.
    pub fn sweeps(&mut self, count: usize, orders: usize) -> Vec<Command> {
        (0..count).map(|_| self.sweep(orders)).collect()
    }

    /// A bit of everything: of a hundred commands 38 come to rest, 30 cancel, 12 shrink an order,
    /// 12 move one to another price, 8 take one or two orders.
    pub fn mixed(&mut self, count: usize) -> Vec<Command> {
        let one = |flow: &mut Self| match flow.random.below(100) {
            0..38 => flow.rest(),
            38..68 => flow.cancel(),
            68..80 => flow.shrink(),
            80..92 => flow.reprice(),
            _ => {
                let orders = flow.random.pick([1, 2]);
                flow.sweep(orders)
            }
        };
        (0..count).map(|_| one(self)).collect()
    }

    fn rest(&mut self) -> Command {
        let side = self.random.pick([Side::Buy, Side::Sell]);
        let price = self.price(side);
        let quantity = Quantity(self.random.within(LOTS.0, LOTS.1));
        self.place(side, price, quantity, TimeInForce::GoodTillCancel)
    }

    fn price(&mut self, side: Side) -> Price {
        let away = self.random.below(PRICES);
        match side {
            Side::Buy => Price(MIDDLE - 1).down(away),
            Side::Sell => Price(MIDDLE).up(away),
        }
    }

    fn place(
        &mut self,
        side: Side,
        price: Price,
        quantity: Quantity,
        time: TimeInForce,
    ) -> Command {
        self.orders += 1;
        let account = AccountId(u128::from(self.random.within(1, 1_000)));
        let place = Place {
            // Spread over all bits, as a UUID is.
            order: OrderId(self.orders.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
            reference: 0,
            side,
            kind: OrderKind::Limit { price },
            quantity,
            time_in_force: time,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::None,
        };
        self.say(account, Action::Place(place))
    }

    fn cancel(&mut self) -> Command {
        match self.random.any(&self.standing).copied() {
            Some((order, _)) => self.say(AccountId(0), Action::Cancel { order }),
            None => self.rest(),
        }
    }

    fn shrink(&mut self) -> Command {
        match self.random.any(&self.standing).copied() {
            Some((order, open)) => self.amend(order, None, Some(Quantity(open.0.div_ceil(2)))),
            None => self.rest(),
        }
    }

    fn reprice(&mut self) -> Command {
        let Some((order, _)) = self.random.any(&self.standing).copied() else {
            return self.rest();
        };
        let view = self.engine.market(MARKET).and_then(|market| market.order(order));
        let side = view.map_or(Side::Buy, |view| view.record.side);
        let price = self.price(side);
        self.amend(order, Some(price), None)
    }

    fn amend(
        &mut self,
        order: OrderId,
        price: Option<Price>,
        quantity: Option<Quantity>,
    ) -> Command {
        let view = self.engine.market(MARKET).and_then(|market| market.order(order));
        let account = view.map_or(AccountId(0), |view| view.record.party.account);
        let amend =
            Amend { order, price, quantity, stop_price: None, if_open: None, requeue: false };
        self.say(account, Action::Amend(amend))
    }

    /// Takes so many orders whole.
    fn sweep(&mut self, orders: usize) -> Command {
        let side = self.random.pick([Side::Buy, Side::Sell]);
        let market = self.engine.market(MARKET);
        let mut left = orders;
        let (mut price, mut quantity) = (Price(MIDDLE), 0);
        for level in market.into_iter().flat_map(|market| market.levels(side.opposite())) {
            if left == 0 {
                break;
            }
            price = level.price;
            // A level that has more orders than are wanted gives a part that goes with their number.
            let there = usize::try_from(level.orders).unwrap_or(usize::MAX).max(1);
            let taken = left.min(there);
            quantity += level.quantity.0 / there as u64 * taken as u64;
            left -= taken;
        }
        let quantity = Quantity(quantity.max(1));
        self.place(side, price, quantity, TimeInForce::ImmediateOrCancel)
    }

    /// Stamps a command and sees what it does to the book.
    fn say(&mut self, account: AccountId, action: Action) -> Command {
        self.sequence += 1;
        let command = Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(self.sequence * 1_000),
            market: MARKET,
            account,
            operator: account == AccountId(0),
            request: None,
            action,
        };
        let mut groups: Vec<Group> = Vec::new();
        self.engine.apply(&command, &mut groups);
        for event in groups.iter().flat_map(|group| &group.events) {
            self.see(event);
        }
        command
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "these flows cause no other events")]
    fn see(&mut self, event: &Event) {
        match event {
            Event::Accepted { place, .. } => {
                self.places.insert(place.order, self.standing.len());
                self.standing.push((place.order, place.quantity));
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

    /// Notes what is left of an order.
    fn note(&mut self, order: OrderId, open: Quantity) {
        let Some(at) = self.places.get(&order).copied() else {
            return;
        };
        if !open.is_zero() {
            self.standing[at].1 = open;
            return;
        }
        self.standing.swap_remove(at);
        self.places.remove(&order);
        if let Some((moved, _)) = self.standing.get(at) {
            self.places.insert(*moved, at);
        }
    }
}

fn spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("BENCH").expect("a symbol"),
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(1 << 32),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(0),
            price_max: Price(2 * MIDDLE),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{Command, Engine, Outcome};

    use super::{Flow, MARKET};

    type Make = fn(&mut Flow) -> Vec<Command>;

    fn live_after(commands: &[Command]) -> u32 {
        let mut engine = Engine::new(1);
        for command in commands {
            assert_eq!(engine.apply(command, &mut ()), Outcome::Accepted, "{command:?}");
        }
        engine.audit().expect("every invariant holds");
        engine.market(MARKET).map_or(0, |market| market.live())
    }

    #[test]
    fn flows_do_what_they_say() {
        let flows: [(Make, u32, u32); 5] = [
            (|flow| flow.places(200), 1_200, 1_200),
            (|flow| flow.cancels(200), 800, 800),
            (|flow| flow.amends(200), 1_000, 1_000),
            (|flow| flow.sweeps(10, 10), 850, 950),
            (|flow| flow.mixed(1_000), 850, 1_150),
        ];
        for (at, (make, low, high)) in flows.into_iter().enumerate() {
            let (mut flow, mut commands) = Flow::new(1, 1_000);
            commands.extend(make(&mut flow));
            let live = live_after(&commands);
            assert!(low <= live && live <= high, "flow {at} leaves {live} orders");
        }
    }
}
