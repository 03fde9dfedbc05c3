//! Commands by number, for tests that submit the same commands again after a crash.

use pricetime::{Draft, Host, Options};
use pricetime_engine::{
    AccountId, Action, Amend, Fees, Group, Limits, MarketId, MarketSpec, OrderId, OrderKind, Phase,
    Place, Price, Pricing, Quantity, RequestId, SelfTrade, Side, Step, Symbol, Terms, TimeInForce,
};

use crate::generate::random::Random;

/// The only market.
pub const MARKET: MarketId = MarketId(1);

/// A market whose window holds more requests than a test ever has unacknowledged.
///
/// # Panics
/// Never panics: the symbol is valid.
#[must_use]
pub fn spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("LOAD").expect("a symbol"),
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(1_000),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(-100),
            price_max: Price(100),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}

/// The order that the command with this number places, cancels or amends.
fn order(seed: u64, number: u64) -> OrderId {
    OrderId(u128::from(seed) << 64 | u128::from(number))
}

/// The command of a number, which is also its request id.
#[must_use]
pub fn draft(seed: u64, number: u64) -> Draft {
    let chance = Random::new(seed.rotate_left(32) ^ number).bits();
    let account = AccountId(u128::from(chance % 5) + 10);
    let earlier = number.saturating_sub(chance >> 8 & 15);
    let action = match chance >> 16 & 7 {
        0 => Action::Cancel { order: order(seed, earlier) },
        1 => Action::Amend(Amend {
            order: order(seed, earlier),
            price: None,
            quantity: Some(Quantity(1 + (chance >> 24) % 9)),
            stop_price: None,
            if_open: None,
            requeue: false,
        }),
        _ => Action::Place(Place {
            order: order(seed, number),
            reference: number,
            side: if chance >> 20 & 1 == 0 { Side::Buy } else { Side::Sell },
            kind: OrderKind::Limit { price: Price((chance >> 32 & 15).cast_signed() - 8) },
            quantity: Quantity(1 + (chance >> 24) % 9),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::CancelTaker,
        }),
    };
    let request = Some(RequestId(u128::from(number)));
    // Request ids belong to the account. An amend or cancel of another account's order is simply refused.
    Draft { market: MARKET, account, operator: false, request, action, session: None }
}

/// A command from an operator.
#[must_use]
pub fn operator(action: Action) -> Draft {
    Draft { account: AccountId(1), operator: true, request: None, action, ..draft(0, 0) }
}

/// Submits a command and waits for the answer.
///
/// # Panics
/// Panics if the host is busy or stops.
pub fn done(host: &Host, draft: Draft) -> Group {
    host.submit(draft).expect("room").wait().expect("an answer").into_group()
}

/// Adds the market and opens it for continuous trading.
///
/// # Panics
/// Panics if the host is busy or stops.
pub fn open_market(host: &Host) {
    for action in [Action::AddMarket(spec()), Action::SetPhase(Phase::Continuous)] {
        done(host, operator(action));
    }
}

/// Opens a host, and its market if there is none yet.
///
/// # Panics
/// Panics if the host does not open.
#[must_use]
pub fn open(options: Options) -> Host {
    let host = Host::open(options).expect("a host");
    if host.spec(MARKET).is_none() {
        open_market(&host);
    }
    host
}
