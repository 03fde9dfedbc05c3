//! A book of one market and its epochs, folded as in a host.

use std::collections::{BTreeMap, VecDeque};

use pricetime::persistence::journal::image::{Image, MarketState};
use pricetime::persistence::journal::random::Random;
use pricetime_engine::{
    AccountId, Action, Command, Engine, Fees, Group, Limits, MarketId, MarketSpec, OrderId,
    OrderKind, OrderRecord, Phase, Place, Price, Pricing, Quantity, SelfTrade, Sequence, Side,
    Step, Symbol, Terms, TimeInForce, Timestamp,
};

/// The only market.
pub(super) const MARKET: MarketId = MarketId(1);
/// The number of prices on a side.
const PRICES: u64 = 1_000;
/// The price between bids and asks.
const MIDDLE: i64 = 1_000_000;

/// The orders in which a state may differ from the one before.
pub(super) type Changed = BTreeMap<OrderId, Option<OrderRecord>>;

/// A book whose bids and asks never meet.
pub(super) struct Book {
    engine: Engine,
    image: Image,
    resting: VecDeque<OrderId>,
    seed: u64,
    sequence: u64,
    orders: u64,
}

impl Book {
    /// Creates a book with this many orders.
    pub(super) fn new(seed: u64, orders: usize) -> Self {
        let (engine, image, resting) = (Engine::new(1), Image::default(), VecDeque::new());
        let mut book = Self { engine, image, resting, seed, sequence: 0, orders: 0 };
        book.operate(Action::AddMarket(spec()));
        book.operate(Action::SetPhase(Phase::Continuous));
        for _ in 0..orders {
            book.place();
        }
        book
    }

    /// An epoch with this many cancelled and new orders together.
    pub(super) fn epoch(&mut self, changes: usize) {
        for change in 0..changes {
            // The oldest orders are cancelled first.
            if change % 2 == 0
                && let Some(order) = self.resting.pop_front()
            {
                self.apply(owner(order), Action::Cancel { order });
            } else {
                self.place();
            }
        }
        let number = self.engine.market(MARKET).map(|book| book.head().epoch);
        self.operate(Action::CloseEpoch { number: number.unwrap_or_default() });
    }

    /// The current state, and what has changed since the last call.
    pub(super) fn state(&mut self) -> Option<(MarketState, Changed)> {
        let state = self.image.take_state(MARKET)?;
        let upserts = state.changes.upserts.iter().map(|order| (order.party.order, Some(*order)));
        let removals = state.changes.removals.iter().map(|order| (*order, None));
        let changed = upserts.chain(removals).collect();
        Some((state, changed))
    }

    fn operate(&mut self, action: Action) {
        self.apply(AccountId(0), action);
    }

    fn place(&mut self) {
        self.orders += 1;
        let bits = scramble(self.seed ^ self.orders);
        // All bits in use, like a UUID.
        let order = OrderId(u128::from(bits) << 64 | u128::from(scramble(!self.orders)));
        let side = if bits & 1 == 0 { Side::Buy } else { Side::Sell };
        let distance = (bits >> 1) % PRICES;
        let price = match side {
            Side::Buy => MIDDLE.saturating_sub_unsigned(distance + 1),
            Side::Sell => MIDDLE.saturating_add_unsigned(distance),
        };
        self.resting.push_back(order);
        let place = Place {
            order,
            reference: 0,
            side,
            kind: OrderKind::Limit { price: Price(price) },
            quantity: Quantity(bits >> 32 & 0xff | 1),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::None,
        };
        self.apply(owner(order), Action::Place(place));
    }

    fn apply(&mut self, account: AccountId, action: Action) {
        self.sequence += 1;
        let command = Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(self.sequence * 1_000),
            market: MARKET,
            account,
            operator: account == AccountId(0),
            request: None,
            action,
            session: None,
        };
        let mut groups: Vec<Group> = Vec::new();
        self.engine.apply(&command, &mut groups);
        for group in groups {
            self.image.fold(&group.header, &group.events, group.outcome);
        }
    }
}

const fn owner(order: OrderId) -> AccountId {
    AccountId(1 + order.0 % 1_000)
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
        quantity_max: Quantity(1_000),
        limits: Limits {
            orders_max: 1 << 26,
            orders_per_account_max: 1 << 26,
            ..Limits::default()
        },
        terms: Terms {
            price_min: Price(0),
            price_max: Price(2 * MIDDLE),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}
