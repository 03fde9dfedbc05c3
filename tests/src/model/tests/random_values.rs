//! Arbitrary values: nothing panics, nothing overflows, and no book is left crossed.

use super::*;

const NUMBERS: [u64; 12] = [0, 1, 1, 2, 2, 3, 4, 7, 1 << 20, 1 << 63, u64::MAX - 1, u64::MAX];
const PRICES: [i64; 11] = [i64::MIN, i64::MIN + 1, -2, -1, 0, 1, 2, 3, 4, i64::MAX - 1, i64::MAX];

fn price(random: &mut Random) -> Price {
    match random.below(4) {
        0 => Price(random.pick(PRICES)),
        _ => Price(i64::try_from(random.below(12)).unwrap() - 6),
    }
}

fn quantity(random: &mut Random) -> Quantity {
    match random.below(4) {
        0 => Quantity(random.pick(NUMBERS)),
        _ => Quantity(1 + random.below(12)),
    }
}

fn maybe<T>(random: &mut Random, one_in: u64, make: impl FnOnce(&mut Random) -> T) -> Option<T> {
    (random.below(one_in) == 0).then(|| make(random))
}

fn random_order(random: &mut Random) -> Place {
    let (stop, limit) = (price(random), price(random));
    let until = quantity(random).0;
    let kinds = [
        OrderKind::Limit { price: limit },
        OrderKind::Limit { price: limit },
        OrderKind::Market,
        OrderKind::Stop { stop },
        OrderKind::StopLimit { stop, price: limit },
    ];
    let times = [
        TimeInForce::GoodTillCancel,
        TimeInForce::GoodTillCancel,
        TimeInForce::ImmediateOrCancel,
        TimeInForce::FillOrKill,
        TimeInForce::GoodTillDate(Timestamp(until)),
        TimeInForce::ForEpochs(until),
    ];
    let modes = [
        SelfTrade::None,
        SelfTrade::CancelTaker,
        SelfTrade::CancelMaker,
        SelfTrade::CancelBoth,
        SelfTrade::Decrement,
    ];
    Place {
        order: OrderId(u128::from(random.below(40))),
        reference: random.below(9),
        side: side(random),
        kind: random.pick(kinds),
        quantity: quantity(random),
        time_in_force: random.pick(times),
        post_only: random.below(6) == 0,
        minimum_quantity: maybe(random, 6, quantity),
        display_quantity: maybe(random, 4, quantity),
        self_trade: random.pick(modes),
    }
}

fn random_terms(random: &mut Random) -> Terms {
    let bands = [(-1_000, 1_000), (i64::MIN, i64::MAX), (3, -3), (0, i64::MAX)];
    let (low, high) = random.pick(bands);
    let fees = [0, 1_000_000, i32::MIN, i32::MAX];
    Terms {
        price_min: Price(low),
        price_max: Price(high),
        protection_ticks: maybe(random, 2, |random| quantity(random).0),
        reference: maybe(random, 2, price),
        fees: Fees { maker_ppm: random.pick([0, 1_000_000]), taker_ppm: random.pick(fees) },
    }
}

fn random_spec(random: &mut Random) -> MarketSpec {
    let counts = [0, 1, 12, 1 << 20, 1 << 30, u32::MAX];
    let maxima = [1 << 20, 1 << 31, u64::MAX, 0];
    MarketSpec {
        symbol: Symbol::new(random.pick(["A", "B", "C"])).unwrap(),
        tick: Step::ONE,
        lot: Step { mantissa: 1 + random.below(2), exponent: random.pick([0, 28, 29, i8::MIN]) },
        pricing: random.pick([Pricing::Maker, Pricing::Midpoint]),
        quantity_max: Quantity(random.pick(maxima)),
        limits: Limits {
            orders_max: random.pick([1, 12, 1 << 20]),
            orders_per_account_max: random.pick([1, 12, 1 << 20]),
            requests_max: random.pick(counts),
            blocked_max: random.pick(counts),
            parts_max: random.pick(counts),
        },
        terms: random_terms(random),
    }
}

fn random_amend(random: &mut Random) -> Amend {
    Amend {
        order: OrderId(u128::from(random.below(40))),
        price: maybe(random, 3, price),
        quantity: maybe(random, 2, quantity),
        stop_price: maybe(random, 5, price),
        if_open: maybe(random, 8, quantity),
        requeue: random.below(5) == 0,
    }
}

fn random_session(random: &mut Random) -> SessionId {
    SessionId(NonZeroU32::MIN.saturating_add(u32::try_from(random.below(4)).unwrap_or_default()))
}

fn random_action(random: &mut Random, epoch: EpochNumber) -> Action {
    let phases = [
        Phase::Continuous,
        Phase::Continuous,
        Phase::Continuous,
        Phase::Continuous,
        Phase::Call,
        Phase::Call,
        Phase::Call,
        Phase::Halted,
        Phase::Closed,
    ];
    let account = AccountId(u128::from(random.below(4)));
    match random.below(200) {
        0..=129 => Action::Place(random_order(random)),
        130..=169 => Action::Amend(random_amend(random)),
        170..=175 => Action::Cancel { order: OrderId(u128::from(random.below(40))) },
        176 => Action::CancelSession { session: maybe(random, 2, random_session) },
        177 => Action::CancelAll {
            account: maybe(random, 2, |_| account),
            side: maybe(random, 2, side),
        },
        178..=183 => Action::SetPhase(random.pick(phases)),
        184..=187 => Action::CloseEpoch { number: epoch },
        188 => Action::AdvanceTime,
        189 => Action::BlockAccount(account),
        190..=194 => Action::UnblockAccount(account),
        195 => Action::SetMarket(random_terms(random)),
        196 => Action::RemoveMarket,
        _ => Action::AddMarket(random_spec(random)),
    }
}

fn assert_valid(model: &Model) {
    for market in model.snapshot().markets {
        let best = |side| model.levels(market.head.market, side).first().map(|l| l.0);
        if market.head.phase == Phase::Continuous
            && let (Some(bid), Some(ask)) = (best(Side::Buy), best(Side::Sell))
        {
            assert!(bid < ask, "crossed");
        }
        if market.head.phase == Phase::Closed {
            assert!(market.resting.is_empty() && market.waiting.is_empty());
        }
        for order in market.resting {
            assert!(order.shown.0 > 0 && order.shown <= order.open);
            assert_eq!(order.minimum_quantity, None);
            assert!(order.kind.stop().is_none());
        }
        assert!(market.waiting.iter().all(|o| o.kind.stop().is_some()));
    }
}

/// A market with the full range of prices.
fn full_range_spec() -> MarketSpec {
    let terms =
        Terms { price_min: Price(i64::MIN), price_max: Price(i64::MAX), ..spec(None).terms };
    MarketSpec { quantity_max: Quantity(1 << 31), pricing: Pricing::Midpoint, terms, ..spec(None) }
}

/// A command to an existing market, or to the next id.
fn random_command(random: &mut Random, model: &Model, step: u64) -> Command {
    let state = model.snapshot();
    let heads: Vec<_> = state.markets.iter().map(|m| m.head).collect();
    let new = (MarketId(state.last_market.0 + 1), EpochNumber(1));
    let markets: Vec<_> = heads.iter().map(|h| (h.market, h.epoch)).collect();
    let (market, epoch) = match random.below(30) {
        1.. => *random.any(&markets).unwrap_or(&new),
        _ => new,
    };
    let action = if heads.is_empty() {
        Action::AddMarket(full_range_spec())
    } else {
        random_action(random, epoch)
    };
    Command {
        sequence: Sequence(step - random.pick([0, 0, 0, 0, 0, 0, 0, 0, 0, 3])),
        timestamp: Timestamp((step / 50).saturating_sub(random.below(3))),
        market: if heads.is_empty() { new.0 } else { market },
        account: AccountId(u128::from(random.below(4))),
        operator: heads.is_empty() || random.below(8) > 0,
        request: maybe(random, 4, |random| RequestId(u128::from(random.below(300)))),
        action,
        session: maybe(random, 3, random_session),
    }
}

#[test]
fn model_accepts_arbitrary_field_values() {
    for seed in 1..=60 {
        let mut random = Random::new(seed);
        let mut model = Model::new(3);
        for step in 4..2_000 {
            let command = random_command(&mut random, &model, step);
            model.apply(&command);
            assert_valid(&model);
        }
        let state = model.snapshot();
        let last = Command {
            sequence: Sequence(u64::MAX),
            timestamp: Timestamp(u64::MAX),
            market: state.markets[0].head.market,
            account: AccountId(0),
            operator: true,
            request: None,
            action: Action::CloseEpoch { number: state.markets[0].head.epoch },
            session: None,
        };
        assert_eq!(model.apply(&last).outcome, Outcome::Accepted);
        let again = model.apply(&last).outcome;
        assert_eq!(again, Outcome::Rejected(Reason::OutOfSequence));
    }
}
