//! Books of several thousand orders, and epochs of any size.

use pricetime_engine::{
    AccountId, Action, Amend, Command, Engine, Fees, Group, Limits, MarketId, MarketSpec, OrderId,
    OrderKind, Phase, Place, Price, Pricing, Quantity, RequestId, SelfTrade, Sequence, Side, Step,
    Symbol, Terms, TimeInForce, Timestamp,
};

use crate::generate::random::Random;

/// An engine, with a generator of commands for it.
#[derive(Debug)]
pub struct Books {
    /// The engine.
    pub engine: Engine,
    random: Random,
    sequence: u64,
    orders: u64,
    last_market: u32,
}

impl Books {
    /// Creates two markets.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let engine = Engine::new(8);
        let random = Random::new(seed);
        let mut books = Self { engine, random, sequence: 0, orders: 0, last_market: 0 };
        let _ = [books.add(), books.add()];
        books
    }

    fn apply(&mut self, market: u32, account: u128, action: Action) -> Vec<Group> {
        self.sequence += 1;
        let request = self.random.chance(60).then_some(RequestId(self.sequence.into()));
        let operator = !matches!(action, Action::Place(_) | Action::Amend(_));
        let command = Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(1_700_000_000_000_000_000 + self.sequence),
            market: MarketId(market),
            account: AccountId(account),
            operator,
            request,
            action,
            session: None,
        };
        let mut groups = Vec::new();
        self.engine.apply(&command, &mut groups);
        groups
    }

    /// Adds a market and opens it.
    ///
    /// # Panics
    /// Never panics: the symbol is valid.
    pub fn add(&mut self) -> Vec<Group> {
        self.last_market += 1;
        let spec = MarketSpec {
            symbol: Symbol::new(&format!("M{}", self.last_market)).expect("a symbol"),
            tick: Step::ONE,
            lot: Step::ONE,
            pricing: Pricing::Maker,
            quantity_max: Quantity(1_000),
            limits: Limits { requests_max: 700, ..Limits::default() },
            terms: Terms {
                price_min: Price(-5_000),
                price_max: Price(5_000),
                protection_ticks: None,
                reference: None,
                fees: Fees::default(),
            },
        };
        let mut groups = self.apply(self.last_market, 1, Action::AddMarket(spec));
        groups.extend(self.apply(self.last_market, 1, Action::SetPhase(Phase::Continuous)));
        groups
    }

    /// The current markets.
    #[must_use]
    pub fn markets(&self) -> Vec<u32> {
        self.engine.snapshot().markets.iter().map(|market| market.head.market.0).collect()
    }

    /// Removes a market and adds another.
    pub fn replace(&mut self, market: u32) -> Vec<Group> {
        let mut groups = self.apply(market, 1, Action::CancelAll { account: None, side: None });
        groups.extend(self.apply(market, 1, Action::SetPhase(Phase::Closed)));
        groups.extend(self.apply(market, 1, Action::RemoveMarket));
        groups.extend(self.add());
        groups
    }

    /// An epoch with this many commands in each market.
    pub fn epoch(&mut self, commands: u64) -> Vec<Group> {
        let mut groups = Vec::new();
        for market in self.markets() {
            if self.random.chance(40) {
                let phase = self.random.pick([Phase::Call, Phase::Continuous]);
                groups.extend(self.apply(market, 1, Action::SetPhase(phase)));
            }
            for _ in 0..commands {
                let action = self.action();
                // An order's id determines its account.
                let account = if let Action::Place(Place { order, .. })
                | Action::Amend(Amend { order, .. }) = action
                {
                    owner(order)
                } else {
                    1
                };
                groups.extend(self.apply(market, account, action));
            }
            let number = self.engine.market(MarketId(market)).map(|book| book.head().epoch);
            let number = number.unwrap_or_default();
            groups.extend(self.apply(market, 1, Action::CloseEpoch { number }));
        }
        groups
    }

    fn action(&mut self) -> Action {
        let back = self.random.below(4_000);
        let earlier = order(self.orders.saturating_sub(back));
        match self.random.below(100) {
            0..20 => Action::Cancel { order: earlier },
            20..30 => Action::Amend(Amend {
                order: earlier,
                price: None,
                quantity: Some(Quantity(self.random.within(1, 30))),
                stop_price: None,
                if_open: None,
                requeue: self.random.chance(30),
            }),
            30 => Action::BlockAccount(AccountId(self.random.within(20, 60).into())),
            31 => Action::UnblockAccount(AccountId(self.random.within(20, 60).into())),
            _ => self.place(),
        }
    }

    fn place(&mut self) -> Action {
        self.orders += 1;
        let side = self.random.pick([Side::Buy, Side::Sell]);
        // Far from the middle, so that books grow; one order in twenty trades.
        let away = self.random.within(0, 300).cast_signed()
            - if self.random.once_in(20) { 200 } else { 0 };
        let price = Price(if side == Side::Buy { -away } else { away } - 20);
        let stop = Price(price.0 + if side == Side::Buy { 700 } else { -700 });
        let kind = match self.random.below(20) {
            0 => OrderKind::Market,
            1 => OrderKind::Stop { stop },
            2 => OrderKind::StopLimit { stop, price },
            _ => OrderKind::Limit { price },
        };
        let quantity = Quantity(self.random.within(1, 40));
        let limit = matches!(kind, OrderKind::Limit { .. });
        Action::Place(Place {
            order: order(self.orders),
            reference: self.random.below(3),
            side,
            kind,
            quantity,
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: (limit && self.random.chance(10)).then_some(Quantity(3)),
            self_trade: SelfTrade::CancelTaker,
        })
    }
}

const fn order(number: u64) -> OrderId {
    // Ids must not increase with time, so that orders at the same price are not in the order of their ids.
    OrderId((number.reverse_bits() as u128) << 32 | number as u128)
}

const fn owner(order: OrderId) -> u128 {
    10 + order.0 % 23
}
