//! What all streams share: random numbers, counters for ids, and an engine that knows the live
//! orders.

use pricetime_engine::{
    AccountId, Action, Amend, Command, Engine, MarketId, MarketSpec, OrderId, OrderKind, Phase,
    Place, Price, Quantity, SelfTrade, Sequence, Side, TimeInForce, Timestamp,
};
use pricetime_journal::random::Random;

use super::live_orders::{LiveOrders, Order};

/// 2026-01-01T00:00Z, when every stream begins.
const START: u64 = 1_767_225_600_000_000_000;

/// Makes commands.
#[derive(Debug)]
pub(super) struct Generator {
    pub(super) random: Random,
    pub(super) engine: Engine,
    pub(super) live_orders: LiveOrders,
    /// Nanoseconds since the start.
    pub(super) now: u64,
    sequence: u64,
    orders: u128,
}

impl Generator {
    pub(super) fn new(seed: u64, markets: u32) -> Self {
        Self {
            random: Random::new(seed),
            engine: Engine::new(markets),
            live_orders: LiveOrders::default(),
            now: 0,
            sequence: 0,
            orders: 0,
        }
    }

    /// Adds a market and moves it to a phase.
    pub(super) fn open(&mut self, market: u32, spec: MarketSpec, phase: Phase) -> [Command; 2] {
        let open = [Action::AddMarket(spec), Action::SetPhase(phase)];
        open.map(|action| self.operate(MarketId(market), action))
    }

    /// An operator's command.
    pub(super) fn operate(&mut self, market: MarketId, action: Action) -> Command {
        self.emit(market, AccountId(0), action)
    }

    /// Places an order under the next id.
    pub(super) fn place(&mut self, market: MarketId, account: u64, place: Place) -> Command {
        self.orders += 1;
        // Spread over all bits, as a UUID is.
        let order = OrderId(self.orders.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let reference = self.live_orders.reference();
        let place = Place { order, reference, ..place };
        self.emit(market, AccountId(u128::from(account)), Action::Place(place))
    }

    /// Cancels an order in the name of its owner.
    pub(super) fn cancel(&mut self, order: Order) -> Command {
        self.emit(order.market, order.account, Action::Cancel { order: order.order })
    }

    /// Halves an order.
    pub(super) fn shrink(&mut self, order: Order) -> Command {
        self.amend(order, None, Some(Quantity(order.open.0.div_ceil(2))))
    }

    /// Moves an order to another price.
    pub(super) fn reprice(&mut self, order: Order, price: Price) -> Command {
        self.amend(order, Some(price), None)
    }

    fn amend(&mut self, order: Order, price: Option<Price>, quantity: Option<Quantity>) -> Command {
        // An amend that changes nothing would be refused.
        let requeue = price.is_none_or(|price| order.price == Some(price))
            && quantity.is_none_or(|open| order.open == open);
        let Order { order, market, account, .. } = order;
        let amend = Amend { order, price, quantity, stop_price: None, if_open: None, requeue };
        self.emit(market, account, Action::Amend(amend))
    }

    /// Stamps a command and applies it to the engine.
    fn emit(&mut self, market: MarketId, account: AccountId, action: Action) -> Command {
        self.sequence += 1;
        let command = Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(START + self.now),
            market,
            account,
            operator: account == AccountId(0),
            request: None,
            action,
            session: None,
        };
        self.engine.apply(&command, &mut self.live_orders);
        command
    }
}

/// A plain limit order without an id.
pub(super) const fn limit(side: Side, price: Price, quantity: Quantity) -> Place {
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
