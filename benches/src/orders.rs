//! Commands that do not depend on earlier ones.

use core::str::FromStr;

use pricetime_engine::{
    AccountId, Action, Command, Fees, Limits, MarketId, MarketSpec, OrderId, OrderKind, Phase,
    Place, Price, Pricing, Quantity, SelfTrade, Sequence, Side, Step, Symbol, Terms, TimeInForce,
    Timestamp,
};
use pricetime_journal::random::Random;

/// The price between bids and asks.
pub(crate) const MIDDLE: Price = Price(1_000_000);
/// The number of prices on a side, unless prices are scattered.
const PRICES: u64 = 1_000;
/// The distance between two prices that are wide apart: a thousand of them span 2^40. It is odd, so
/// that no structure over the bits of a price gets round numbers.
const PRICE_GAP: u64 = (1 << 30) + 3;
/// The distance from the middle to the ends of the band, unless prices are narrow.
const BAND: u64 = 1 << 60;
/// The lots of the smallest and of the largest order.
const LOTS: (u64, u64) = (10, 1_000);
/// The number of parts of an iceberg.
const PARTS: u64 = 5;

/// How the prices of orders are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prices {
    /// On 1,000 adjacent ticks of each side.
    Narrow,
    /// On 1,000 prices of each side that are 2^30 ticks apart, with one order in a hundred at the
    /// end of the band. Compared with [`Prices::Narrow`] it shows the cost of distance, because
    /// there are as many levels.
    Wide,
    /// Anywhere on 2^40 ticks of each side, so that nearly every order has a level of its own. One
    /// order in a hundred is at the end of the band. It shows the cost of levels.
    Scattered,
}

impl FromStr for Prices {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "narrow" => Ok(Self::Narrow),
            "wide" => Ok(Self::Wide),
            "scattered" => Ok(Self::Scattered),
            _ => Err("prices are narrow, wide or scattered"),
        }
    }
}

/// The books with which a measurement begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The number of resting orders in all markets together.
    pub resting: usize,
    /// How their prices are distributed.
    pub prices: Prices,
    /// The number of markets. Orders and commands are spread over all of them.
    pub markets: u32,
}

impl Shape {
    /// One market with narrow prices.
    #[must_use]
    pub const fn of(resting: usize) -> Self {
        Self { resting, prices: Prices::Narrow, markets: 1 }
    }
}

/// Makes stamped commands. Its bids and asks never meet, except those of [`Orders::crossed`].
#[derive(Debug)]
pub struct Orders {
    pub(crate) random: Random,
    shape: Shape,
    sequence: u64,
    orders: u128,
}

impl Orders {
    /// Creates the commands of this seed.
    #[must_use]
    pub const fn new(seed: u64, shape: Shape) -> Self {
        Self { random: Random::new(seed), shape, sequence: 0, orders: 0 }
    }

    /// Returns the commands that add every market and set its phase.
    pub fn open(&mut self, phase: Phase) -> Vec<Command> {
        let mut commands = Vec::new();
        for market in 1..=self.shape.markets {
            let spec = spec(market, self.shape.prices);
            for action in [Action::AddMarket(spec), Action::SetPhase(phase)] {
                commands.push(self.operate(MarketId(market), action));
            }
        }
        commands
    }

    /// An order that rests.
    pub fn rest(&mut self) -> Command {
        let (market, side) = (self.market(), self.side());
        let (price, quantity) = (self.price(side), self.quantity());
        self.place(market, order(side, price, quantity))
    }

    /// An iceberg that rests.
    pub(crate) fn iceberg(&mut self) -> Command {
        let (market, side) = (self.market(), self.side());
        let (price, quantity) = (self.price(side), self.quantity());
        let display_quantity = Some(Quantity(quantity.0.div_ceil(PARTS)));
        self.place(market, Place { display_quantity, ..order(side, price, quantity) })
    }

    /// A stop that waits behind the prices of the other side. It takes little in the end.
    pub(crate) fn stop(&mut self) -> Command {
        let (market, side) = (self.market(), self.side());
        let (stop, quantity) = (self.price(side.opposite()), self.quantity());
        let kind = OrderKind::StopLimit { stop, price: stop };
        self.place(market, Place { kind, ..order(side, stop, quantity) })
    }

    /// Orders for a market in Call: as many bids as asks, and every bid above every ask.
    pub fn crossed(&mut self) -> Command {
        let side = if self.orders.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let (market, price) = (self.market(), self.price(side.opposite()));
        let quantity = self.quantity();
        self.place(market, order(side, price, quantity))
    }

    /// An operator's command.
    pub fn operate(&mut self, market: MarketId, action: Action) -> Command {
        self.stamp(market, AccountId(0), action)
    }

    pub(crate) fn market(&mut self) -> MarketId {
        match self.shape.markets {
            1 => MarketId(1),
            // At most the number of markets, which is a u32.
            markets => MarketId(self.random.within(1, u64::from(markets)) as u32),
        }
    }

    pub(crate) fn side(&mut self) -> Side {
        self.random.pick([Side::Buy, Side::Sell])
    }

    fn quantity(&mut self) -> Quantity {
        Quantity(self.random.within(LOTS.0, LOTS.1))
    }

    pub(crate) fn price(&mut self, side: Side) -> Price {
        let distance = match self.shape.prices {
            Prices::Narrow => self.random.below(PRICES),
            Prices::Wide | Prices::Scattered if self.random.once_in(100) => BAND,
            Prices::Wide => self.random.below(PRICES) * PRICE_GAP,
            Prices::Scattered => self.random.below(1 << 40),
        };
        match side {
            Side::Buy => MIDDLE.down(1).down(distance.min(BAND - 1)),
            Side::Sell => MIDDLE.up(distance),
        }
    }

    /// Gives an order its id and its owner.
    pub(crate) fn place(&mut self, market: MarketId, place: Place) -> Command {
        self.orders += 1;
        // Spread over all bits, as a UUID is.
        let order = OrderId(self.orders.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let account = AccountId(u128::from(self.random.within(1, 1_000)));
        self.stamp(market, account, Action::Place(Place { order, ..place }))
    }

    pub(crate) fn stamp(
        &mut self,
        market: MarketId,
        account: AccountId,
        action: Action,
    ) -> Command {
        self.sequence += 1;
        Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(self.sequence * 1_000),
            market,
            account,
            operator: account == AccountId(0),
            request: None,
            action,
            session: None,
        }
    }
}

/// A plain limit order without an id.
pub(crate) const fn order(side: Side, price: Price, quantity: Quantity) -> Place {
    Place {
        order: OrderId(0),
        reference: 0,
        side,
        kind: OrderKind::Limit { price },
        quantity,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::None,
    }
}

fn spec(market: u32, prices: Prices) -> MarketSpec {
    let (price_min, price_max) = match prices {
        Prices::Narrow => (Price(0), MIDDLE.up(MIDDLE.0.unsigned_abs())),
        Prices::Wide | Prices::Scattered => (MIDDLE.down(BAND), MIDDLE.up(BAND)),
    };
    MarketSpec {
        symbol: Symbol::new(&format!("BENCH-{market}")).expect("a symbol"),
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(1 << 32),
        limits: Limits {
            orders_max: 1 << 26,
            orders_per_account_max: 1 << 26,
            ..Limits::default()
        },
        terms: Terms {
            price_min,
            price_max,
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}
