//! The market that is attacked, its book, and streams of plain commands.

use std::ops::Range;

use pricetime::Draft;
use pricetime::engine::{
    AccountId, Action, Fees, Limits, MarketId, MarketSpec, OrderId, OrderKind, Phase, Place, Price,
    Pricing, Quantity, RequestId, SelfTrade, Side, Step, Symbol, Terms, TimeInForce,
};
use pricetime::persistence::journal::random::Random;

pub(super) const MARKET: MarketId = MarketId(1);
pub(super) const QUANTITY_MAX: Quantity = Quantity(1_000_000_000);
/// The lowest valid price.
pub(super) const PRICE_MIN: Price = Price(1);
/// The highest valid price.
const PRICE_MAX: Price = Price(1_000_000);
/// A price between the bids and the asks of the book, at which attackers trade with each other.
pub(super) const MIDDLE_PRICE: Price = Price(500_000);
const BIDS: i64 = 400_000;
const ASKS: i64 = 600_000;
/// The number of prices on each side of the book.
const PRICES: u64 = 5_000;
/// About four fifths of the asks of the book are at this price or a better one.
pub(super) const MOST_ASKS_PRICE: Price = Price(ASKS + PRICES.cast_signed() * 4 / 5);

/// The accounts of the book and of the honest commands.
pub(super) const HONEST: Range<u128> = 1..1_001;
/// The first order number of the honest commands.
pub(super) const HONEST_ORDERS: u64 = 1 << 40;
/// The first order number of the other client.
pub(super) const OTHER_ORDERS: u64 = 1 << 41;

/// The accounts of the other client, hostile or not.
pub(super) const fn client_account(number: u64) -> AccountId {
    AccountId(1 << 64 | number as u128)
}

pub(super) const fn draft(account: AccountId, action: Action) -> Draft {
    Draft { market: MARKET, account, operator: false, request: None, session: None, action }
}

/// A plain limit order.
pub(super) const fn limit(order: OrderId, side: Side, price: Price, quantity: Quantity) -> Place {
    Place {
        order,
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

/// The commands that open the market and place the resting orders of many accounts.
pub(super) fn opening(seed: u64, orders: usize) -> Vec<Draft> {
    let operator = |action| Draft { operator: true, ..draft(AccountId(0), action) };
    let opened = [Action::AddMarket(spec()), Action::SetPhase(Phase::Continuous)].map(operator);
    let resting = (0..orders as u64).map(|number| {
        let bits = scramble(seed ^ number);
        let distance = (bits % PRICES).cast_signed();
        let (side, price) = if number % 2 == 0 {
            (Side::Buy, BIDS - distance)
        } else {
            (Side::Sell, ASKS + distance)
        };
        let quantity = Quantity(1 + (bits >> 32) % 100);
        let place = limit(order(seed, number), side, Price(price), quantity);
        draft(owner(&HONEST, number), Action::Place(place))
    });
    opened.into_iter().chain(resting).collect()
}

/// The total quantity of the book's asks up to [`MOST_ASKS_PRICE`].
pub(super) fn ask_quantity(seed: u64, orders: usize) -> u64 {
    let quantity = |draft: &Draft| {
        let Action::Place(Place { side: Side::Sell, quantity, kind, .. }) = draft.action else {
            return 0;
        };
        if kind.price().is_some_and(|price| price <= MOST_ASKS_PRICE) { quantity.0 } else { 0 }
    };
    opening(seed, orders).iter().map(quantity).sum()
}

/// Endless commands that place plain orders, which trade with nothing, and cancel each again. Each
/// command has a request id, like those of a careful client.
pub(super) fn plain(
    seed: u64,
    accounts: Range<u128>,
    first: u64,
) -> impl Iterator<Item = Draft> + Send {
    (first..).flat_map(move |number| {
        let (account, order) = (owner(&accounts, number), order(seed, number));
        let price = Price(BIDS - (scramble(seed ^ number) % PRICES).cast_signed());
        let place = Action::Place(limit(order, Side::Buy, price, Quantity(1)));
        [(place, order.0), (Action::Cancel { order }, !order.0)].map(|(action, request)| Draft {
            request: Some(RequestId(request)),
            ..draft(account, action)
        })
    })
}

fn owner(accounts: &Range<u128>, number: u64) -> AccountId {
    AccountId(accounts.start + u128::from(number) % (accounts.end - accounts.start))
}

/// An id with all bits in use, like a UUID.
fn order(seed: u64, number: u64) -> OrderId {
    OrderId(u128::from(scramble(seed ^ number)) << 64 | u128::from(scramble(!number)))
}

/// Scrambles the bits of a number. The result looks random but depends only on the number.
fn scramble(number: u64) -> u64 {
    Random::new(number).bits()
}

fn spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("BENCH").expect("a symbol"),
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: QUANTITY_MAX,
        limits: Limits::default(),
        terms: Terms {
            price_min: PRICE_MIN,
            price_max: PRICE_MAX,
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}
