//! Commands with random fields, independent of the state, with a preference for the limits of types.

use pricetime_engine::{
    AccountId, Action, Amend, EngineSnapshot, EpochNumber, Fees, Limits, MarketId, MarketSpec,
    OrderId, OrderKind, Phase, Place, Price, Pricing, Quantity, SelfTrade, Side, Step, Symbol,
    Terms, TimeInForce, Timestamp,
};

use super::random::Random;
use super::{Draft, Generator};

impl Generator {
    pub(super) fn noise(&mut self, seen: &EngineSnapshot) -> Draft {
        let mut account = self.account();
        let mut action = action(&mut self.random);
        let known = self.random.any(&seen.markets);
        // Half of the amends name an existing order.
        if let (Action::Amend(amend), Some(market)) = (&mut action, known)
            && self.random.chance(50)
        {
            (account, amend.order) = self.target(market);
        } else if self.random.chance(30) {
            account = AccountId(random_id(&mut self.random));
        }
        let random = &mut self.random;
        let market = match (known, action) {
            // An id at the end of its type would make it impossible to add another market.
            (_, Action::AddMarket(_)) => MarketId(seen.last_market.0.wrapping_add(1)),
            (Some(known), _) if random.chance(90) => known.head.market,
            _ => MarketId(random.edge() as u32),
        };
        Draft { market, account, operator: random.chance(30), action }
    }
}

fn action(random: &mut Random) -> Action {
    match random.below(17) {
        0 => Action::AddMarket(spec(random)),
        1 => Action::SetMarket(terms(random)),
        2 => Action::RemoveMarket,
        3..7 => Action::Place(place(random)),
        7..10 => Action::Amend(amend(random)),
        10 => Action::Cancel { order: order(random) },
        11 => Action::CancelAll {
            account: random.maybe(50, |r| AccountId(random_id(r))),
            side: random.maybe(50, side),
        },
        12 => Action::SetPhase(random.pick([
            Phase::Continuous,
            Phase::Call,
            Phase::Halted,
            Phase::Closed,
        ])),
        13 => Action::CloseEpoch { number: EpochNumber(random.edge()) },
        14 => Action::CancelSession { session: random.maybe(50, super::session) },
        15 => Action::BlockAccount(AccountId(random_id(random))),
        _ => Action::UnblockAccount(AccountId(random_id(random))),
    }
}

fn random_id(random: &mut Random) -> u128 {
    let low = u128::from(random.edge());
    let high = random.maybe(30, Random::edge).map_or(0, u128::from);
    high << 64 | low
}

fn order(random: &mut Random) -> OrderId {
    OrderId(random_id(random))
}

fn price(random: &mut Random) -> Price {
    Price(random.edge() as i64)
}

fn quantity(random: &mut Random) -> Quantity {
    Quantity(random.edge())
}

fn side(random: &mut Random) -> Side {
    random.pick([Side::Buy, Side::Sell])
}

fn place(random: &mut Random) -> Place {
    let (stop, limit) = (price(random), price(random));
    Place {
        order: order(random),
        reference: random.edge(),
        side: side(random),
        kind: random.pick([
            OrderKind::Limit { price: limit },
            OrderKind::Market,
            OrderKind::Stop { stop },
            OrderKind::StopLimit { stop, price: limit },
        ]),
        quantity: quantity(random),
        time_in_force: random.pick([
            TimeInForce::GoodTillCancel,
            TimeInForce::ImmediateOrCancel,
            TimeInForce::FillOrKill,
            TimeInForce::GoodTillDate(Timestamp(stop.0.cast_unsigned())),
            TimeInForce::ForEpochs(limit.0.cast_unsigned()),
        ]),
        post_only: random.chance(20),
        minimum_quantity: random.maybe(20, quantity),
        display_quantity: random.maybe(20, quantity),
        self_trade: random.pick([
            SelfTrade::None,
            SelfTrade::CancelTaker,
            SelfTrade::CancelMaker,
            SelfTrade::CancelBoth,
            SelfTrade::Decrement,
        ]),
    }
}

fn amend(random: &mut Random) -> Amend {
    Amend {
        order: order(random),
        price: random.maybe(50, price),
        quantity: random.maybe(50, quantity),
        stop_price: random.maybe(30, price),
        if_open: random.maybe(20, quantity),
        requeue: random.chance(20),
    }
}

fn spec(random: &mut Random) -> MarketSpec {
    let step =
        |random: &mut Random| Step { mantissa: random.edge(), exponent: random.edge() as i8 };
    MarketSpec {
        symbol: Symbol::new("NOISE").expect("five letters are a symbol"),
        tick: step(random),
        lot: step(random),
        pricing: random.pick([Pricing::Maker, Pricing::Midpoint]),
        quantity_max: quantity(random),
        limits: Limits {
            orders_max: random.edge() as u32,
            orders_per_account_max: random.edge() as u32,
            requests_max: random.edge() as u32,
            blocked_max: random.edge() as u32,
            parts_max: random.edge() as u32,
        },
        terms: terms(random),
    }
}

fn terms(random: &mut Random) -> Terms {
    Terms {
        price_min: price(random),
        price_max: price(random),
        protection_ticks: random.maybe(50, Random::edge),
        reference: random.maybe(50, price),
        fees: Fees { maker_ppm: random.edge() as i32, taker_ppm: random.edge() as i32 },
    }
}
