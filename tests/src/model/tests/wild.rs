//! Any values at all: nothing panics, nothing runs over, and no book is left crossed.

use super::*;

const NUMBERS: [u64; 12] = [0, 1, 1, 2, 2, 3, 4, 7, 1 << 20, 1 << 63, u64::MAX - 1, u64::MAX];
const PRICES: [i64; 11] = [i64::MIN, i64::MIN + 1, -2, -1, 0, 1, 2, 3, 4, i64::MAX - 1, i64::MAX];

fn price(dice: &mut Dice) -> Price {
    match dice.below(4) {
        0 => Price(dice.pick(&PRICES)),
        _ => Price(i64::try_from(dice.below(12)).unwrap() - 6),
    }
}

fn quantity(dice: &mut Dice) -> Quantity {
    match dice.below(4) {
        0 => Quantity(dice.pick(&NUMBERS)),
        _ => Quantity(1 + dice.below(12)),
    }
}

fn maybe<T>(dice: &mut Dice, one_in: u64, make: impl FnOnce(&mut Dice) -> T) -> Option<T> {
    (dice.below(one_in) == 0).then(|| make(dice))
}

fn wild_order(dice: &mut Dice) -> Place {
    let (stop, limit) = (price(dice), price(dice));
    let until = quantity(dice).0;
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
        order: OrderId(u128::from(dice.below(40))),
        reference: dice.below(9),
        side: dice.side(),
        kind: dice.pick(&kinds),
        quantity: quantity(dice),
        time_in_force: dice.pick(&times),
        post_only: dice.below(6) == 0,
        minimum_quantity: maybe(dice, 6, quantity),
        display_quantity: maybe(dice, 4, quantity),
        self_trade: dice.pick(&modes),
    }
}

fn wild_terms(dice: &mut Dice) -> Terms {
    let bands = [(-1_000, 1_000), (i64::MIN, i64::MAX), (3, -3), (0, i64::MAX)];
    let (low, high) = dice.pick(&bands);
    let fees = [0, 1_000_000, i32::MIN, i32::MAX];
    Terms {
        price_min: Price(low),
        price_max: Price(high),
        protection_ticks: maybe(dice, 2, |dice| quantity(dice).0),
        reference: maybe(dice, 2, price),
        fees: Fees { maker_ppm: dice.pick(&fees[..2]), taker_ppm: dice.pick(&fees) },
    }
}

fn wild_spec(dice: &mut Dice) -> MarketSpec {
    let counts = [0, 1, 12, 1 << 20, 1 << 30, u32::MAX];
    let maxima = [1 << 20, 1 << 31, u64::MAX, 0];
    MarketSpec {
        symbol: Symbol::new(dice.pick(&["A", "B", "C"])).unwrap(),
        tick: Step::ONE,
        lot: Step { mantissa: 1 + dice.below(2), exponent: dice.pick(&[0, 28, 29, i8::MIN]) },
        pricing: dice.pick(&[Pricing::Maker, Pricing::Midpoint]),
        quantity_max: Quantity(dice.pick(&maxima)),
        limits: Limits {
            orders_max: dice.pick(&counts[1..4]),
            orders_per_account_max: dice.pick(&counts[1..4]),
            requests_max: dice.pick(&counts),
            blocked_max: dice.pick(&counts),
            parts_max: dice.pick(&counts),
        },
        terms: wild_terms(dice),
    }
}

fn wild_amend(dice: &mut Dice) -> Amend {
    Amend {
        order: OrderId(u128::from(dice.below(40))),
        price: maybe(dice, 3, price),
        quantity: maybe(dice, 2, quantity),
        stop_price: maybe(dice, 5, price),
        if_open: maybe(dice, 8, quantity),
        requeue: dice.below(5) == 0,
    }
}

fn wild_session(dice: &mut Dice) -> SessionId {
    SessionId(NonZeroU32::MIN.saturating_add(u32::try_from(dice.below(4)).unwrap_or_default()))
}

fn wild_action(dice: &mut Dice, epoch: EpochNumber) -> Action {
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
    let account = AccountId(u128::from(dice.below(4)));
    match dice.below(200) {
        0..=129 => Action::Place(wild_order(dice)),
        130..=169 => Action::Amend(wild_amend(dice)),
        170..=175 => Action::Cancel { order: OrderId(u128::from(dice.below(40))) },
        176 => Action::CancelSession { session: maybe(dice, 2, wild_session) },
        177 => Action::CancelAll {
            account: maybe(dice, 2, |_| account),
            side: maybe(dice, 2, Dice::side),
        },
        178..=183 => Action::SetPhase(dice.pick(&phases)),
        184..=187 => Action::CloseEpoch { number: epoch },
        188 => Action::AdvanceTime,
        189 => Action::BlockAccount(account),
        190..=194 => Action::UnblockAccount(account),
        195 => Action::SetMarket(wild_terms(dice)),
        196 => Action::RemoveMarket,
        _ => Action::AddMarket(wild_spec(dice)),
    }
}

fn assert_sound(model: &Model) {
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

/// A market that takes prices from one end of the type to the other.
fn wide() -> MarketSpec {
    let terms =
        Terms { price_min: Price(i64::MIN), price_max: Price(i64::MAX), ..spec(None).terms };
    MarketSpec { quantity_max: Quantity(1 << 31), pricing: Pricing::Midpoint, terms, ..spec(None) }
}

/// A command to a market that there is, or to the next one that could be.
fn wild_command(dice: &mut Dice, model: &Model, step: u64) -> Command {
    let state = model.snapshot();
    let heads: Vec<_> = state.markets.iter().map(|m| m.head).collect();
    let new = (MarketId(state.last_market.0 + 1), EpochNumber(1));
    let markets: Vec<_> = heads.iter().map(|h| (h.market, h.epoch)).collect();
    let (market, epoch) = match dice.below(30) {
        1.. if !markets.is_empty() => dice.pick(&markets),
        _ => new,
    };
    let action =
        if heads.is_empty() { Action::AddMarket(wide()) } else { wild_action(dice, epoch) };
    Command {
        sequence: Sequence(step - dice.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 3])),
        timestamp: Timestamp((step / 50).saturating_sub(dice.below(3))),
        market: if heads.is_empty() { new.0 } else { market },
        account: AccountId(u128::from(dice.below(4))),
        operator: heads.is_empty() || dice.below(8) > 0,
        request: maybe(dice, 4, |dice| RequestId(u128::from(dice.below(300)))),
        action,
        session: maybe(dice, 3, wild_session),
    }
}

#[test]
fn any_values_at_all() {
    for seed in 1..=60 {
        let mut dice = Dice(seed);
        let mut model = Model::new(3);
        for step in 4..2_000 {
            let command = wild_command(&mut dice, &model, step);
            model.apply(&command);
            assert_sound(&model);
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
