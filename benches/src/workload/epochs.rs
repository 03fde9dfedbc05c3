//! An energy market: many small accounts, few orders each, and an auction every 15 minutes.

use pricetime_engine::{
    Action, Command, EpochNumber, Fees, Limits, MarketId, MarketSpec, Phase, Place, Price, Pricing,
    Quantity, Side, Step, Symbol, Terms, TimeInForce,
};

use super::generator::{Generator, limit};

const MARKET: MarketId = MarketId(1);
const ACCOUNTS: u64 = 5_000;
/// The number of commands in an epoch, its close included.
const COMMANDS: u64 = 2_000;
/// The length of an epoch.
const EPOCH_NS: u64 = 15 * 60 * 1_000_000_000;
/// With more orders than this, commands cancel instead of placing.
const LIVE_ORDERS_MAX: usize = 20_000;
/// The price of a kWh every three hours from midnight, in ticks: high in the evening, zero or
/// negative when the sun is high.
const DAY: [i64; 8] = [1_500, 1_400, 2_000, 900, -50, 900, 2_900, 2_100];
/// The width of the range of limit prices around that price.
const WIDTH: u64 = 300;
/// The number of epochs in three hours.
const PART: u64 = 12;

/// The commands of all accounts in such a market.
#[derive(Debug)]
pub(super) struct Epochs {
    generator: Generator,
    /// The number of commands after the opening.
    count: u64,
}

impl Epochs {
    /// Returns the opening and the stream that follows it.
    pub(super) fn begin(seed: u64) -> (Vec<Command>, Self) {
        let mut epochs = Self { generator: Generator::new(seed, 1), count: 0 };
        let opening = epochs.generator.open(MARKET.0, spec(), Phase::Call).to_vec();
        (opening, epochs)
    }

    /// The next command.
    pub(super) fn command(&mut self) -> Command {
        self.count += 1;
        self.generator.now = EPOCH_NS / COMMANDS * self.count;
        if self.count.is_multiple_of(COMMANDS) {
            let number = EpochNumber(self.count / COMMANDS);
            return self.generator.operate(MARKET, Action::CloseEpoch { number });
        }
        let too_many = self.generator.live_orders.count() > LIVE_ORDERS_MAX;
        let choice = if too_many { 0 } else { self.generator.random.below(100) };
        match (choice, self.generator.live_orders.any(&mut self.generator.random)) {
            (0..8, Some(order)) => self.generator.cancel(order),
            (8..14, Some(order)) => self.generator.shrink(order),
            (14..20, Some(order)) => {
                let price = self.limit(order.side);
                self.generator.reprice(order, price)
            }
            _ => self.place(),
        }
    }

    fn place(&mut self) -> Command {
        let account = self.generator.random.within(1, ACCOUNTS);
        // Consumers buy, accounts with solar panels sell, accounts with a battery do both.
        let side = match account % 5 {
            0 | 1 => Side::Buy,
            2 | 3 => Side::Sell,
            _ if self.generator.random.chance(50) => Side::Buy,
            _ => Side::Sell,
        };
        let (price, quantity) = (self.limit(side), self.generator.random.within(20, 2_000));
        let time_in_force = match self.generator.random.below(10) {
            0..7 => TimeInForce::ForEpochs(1),
            7..9 => TimeInForce::ForEpochs(self.generator.random.within(2, 8)),
            _ => TimeInForce::GoodTillCancel,
        };
        let order = Place { time_in_force, ..limit(side, price, Quantity(quantity)) };
        self.generator.place(MARKET, account, order)
    }

    /// A limit price near the fair price. Two times in three it is better for its owner than the
    /// fair price, otherwise worse.
    fn limit(&mut self, side: Side) -> Price {
        let epoch = self.count / COMMANDS;
        let (part, past) = ((epoch / PART) as usize, (epoch % PART) as i64);
        let (from, to) = (DAY[part % DAY.len()], DAY[(part + 1) % DAY.len()]);
        let fair = from + (to - from) * past / PART as i64;
        let margin = self.generator.random.below(WIDTH) as i64 - WIDTH as i64 / 3;
        Price(match side {
            Side::Buy => fair - margin,
            Side::Sell => fair + margin,
        })
    }
}

/// Prices of 0.0001 a kWh, quantities of 0.01 kWh.
fn spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("ENERGY").expect("a symbol"),
        tick: Step { mantissa: 1, exponent: -4 },
        lot: Step { mantissa: 1, exponent: -2 },
        pricing: Pricing::Maker,
        quantity_max: Quantity(1_000_000),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(-5_000),
            price_max: Price(20_000),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}
