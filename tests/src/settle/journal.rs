//! Small markets with random trades through the real engine, and the batches that a collector makes from
//! them.

use pricetime_engine::{
    AccountId, Action, Command, Engine, EpochNumber, Fees, Limits, MarketId, MarketSpec, OrderId,
    OrderKind, Phase, Place, Price, Pricing, Quantity, SelfTrade, Sequence, Side, Step, Symbol,
    Terms, TimeInForce, Timestamp,
};
use pricetime_journal::History;
use pricetime_settlement::{Batch, Closed, Collector};

use super::recount::Recount;
use crate::generate::random::Random;

/// The history of all journals.
pub const HISTORY: History = History(11);
/// The account that receives the fees.
pub const PLATFORM: AccountId = AccountId(1);

/// A journal's batches, and the recount that they must match.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The batches of each market, from epoch 1 on.
    pub batches: Vec<Vec<Batch>>,
    /// The recount of the events.
    pub recount: Recount,
}

struct Writer {
    engine: Engine,
    collector: Collector,
    sequence: u64,
    journal: Journal,
}

fn terms(random: &mut Random) -> Terms {
    let ppm = |random: &mut Random| random.pick([0, 250, -100, 1_000, 333_333, -7]);
    Terms {
        price_min: Price(-9),
        price_max: Price(9),
        protection_ticks: None,
        reference: None,
        fees: Fees { maker_ppm: ppm(random), taker_ppm: ppm(random) },
    }
}

fn spec(market: MarketId, random: &mut Random) -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new(&format!("M{}", market.0)).expect("a symbol"),
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(9_000),
        limits: Limits {
            orders_max: 64,
            orders_per_account_max: 64,
            requests_max: 0,
            blocked_max: 1,
            parts_max: 1,
        },
        terms: terms(random),
    }
}

impl Writer {
    fn submit(&mut self, market: MarketId, account: AccountId, action: Action) {
        self.sequence += 1;
        let command = Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(self.sequence),
            market,
            account,
            operator: true,
            request: None,
            action,
            session: None,
        };
        let mut groups = Vec::new();
        self.engine.apply(&command, &mut groups);
        for group in groups {
            self.journal.recount.process(&group);
            let closed = self.collector.group(&group.header, &group.events, group.outcome);
            if let Some(Closed::Whole(batch)) = closed {
                self.journal.batches[(market.0 - 1) as usize].push(batch);
            }
        }
    }

    fn trade(&mut self, market: MarketId, random: &mut Random) {
        let price = Price(random.around(0, 9));
        let quantity = random.within(1, 9) * random.pick([1, 1, 77]);
        let side = random.pick([Side::Buy, Side::Sell]);
        for (side, quantity) in [(side, quantity), (side.opposite(), random.within(1, quantity))] {
            let place = Place {
                order: OrderId(u128::from(self.sequence + 1)),
                reference: 0,
                side,
                kind: OrderKind::Limit { price },
                quantity: Quantity(quantity),
                time_in_force: TimeInForce::GoodTillCancel,
                post_only: false,
                minimum_quantity: None,
                display_quantity: None,
                self_trade: SelfTrade::None,
            };
            // The platform sometimes trades as well.
            self.submit(market, AccountId(u128::from(random.within(1, 5))), Action::Place(place));
        }
    }
}

impl Journal {
    /// Generates a journal with this many markets.
    ///
    /// # Panics
    /// Never panics: the symbols are valid.
    #[must_use]
    pub fn random(markets: u32, random: &mut Random) -> Self {
        let journal =
            Self { batches: vec![Vec::new(); markets as usize], recount: Recount::default() };
        let collector = Collector::new(HISTORY, PLATFORM, &[]);
        let mut writer = Writer { engine: Engine::new(markets), collector, sequence: 0, journal };
        for market in (1..=markets).map(MarketId) {
            let added = Action::AddMarket(spec(market, random));
            writer.submit(market, PLATFORM, added);
            writer.submit(market, PLATFORM, Action::SetPhase(Phase::Continuous));
            let epochs = random.within(1, 8);
            for number in (1..=epochs).map(EpochNumber) {
                for _ in 0..random.below(4) {
                    writer.trade(market, random);
                }
                if random.once_in(8) {
                    writer.submit(market, PLATFORM, Action::SetMarket(terms(random)));
                }
                if number.0 == epochs && random.once_in(4) {
                    writer.submit(market, PLATFORM, Action::SetPhase(Phase::Closed));
                    writer.submit(market, PLATFORM, Action::RemoveMarket);
                } else {
                    writer.submit(market, PLATFORM, Action::CloseEpoch { number });
                }
            }
        }
        writer.journal
    }
}
