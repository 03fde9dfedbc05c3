//! Converts fuzz input to snapshots: the state after some commands, changed in some places.

use pricetime_engine::{
    AccountId, Engine, EngineSnapshot, EpochNumber, MarketHead, MarketId, MarketSnapshot,
    OrderRecord, Outcome, Prices, Priority, Reason, RequestId, Sequence, Timestamp, TradeNumber,
    Until, rules,
};

use crate::{Bytes, MARKETS_MAX};

impl Bytes<'_> {
    /// A snapshot that is usually almost valid.
    pub fn snapshot(&mut self) -> EngineSnapshot {
        let half = self.0.len() / 2;
        let (first, second) = self.0.split_at(half);
        let mut engine = Engine::new(MARKETS_MAX);
        for command in Bytes(first).commands() {
            engine.apply(&command, &mut ());
        }
        self.0 = second;
        let mut snapshot = engine.snapshot();
        for _ in 0..self.byte() % 4 {
            self.change(&mut snapshot);
        }
        snapshot
    }

    fn change(&mut self, snapshot: &mut EngineSnapshot) {
        let last = snapshot.markets.len().saturating_sub(1);
        let at = usize::from(self.byte()) % (last + 1);
        match self.byte() % 16 {
            // Version 1 is read too, but it is restored as the current version.
            0 => snapshot.rules_version = self.pick(&[0, rules::VERSION, rules::VERSION + 1]),
            1 => snapshot.last_sequence = Sequence(self.number()),
            2 => snapshot.last_timestamp = Timestamp(self.number()),
            3 => snapshot.last_market = MarketId(self.pick(&[0, 1, 2, 7, u32::MAX])),
            4 => snapshot.markets.reverse(),
            5 => snapshot.markets.extend_from_within(..snapshot.markets.len().min(1)),
            _ => {
                if let Some(market) = snapshot.markets.get_mut(at) {
                    self.change_market(market);
                }
            }
        }
    }

    fn change_market(&mut self, market: &mut MarketSnapshot) {
        match self.byte() % 8 {
            0 | 1 => self.change_head(&mut market.head),
            2 => market.blocked.push(self.account()),
            3 => self.change_requests(market),
            4 => {
                let moved = market.waiting.pop();
                market.resting.extend(moved);
            }
            5 => {
                let again = market.resting.first().copied();
                market.resting.extend(again);
            }
            _ => {
                let orders = market.resting.iter_mut().chain(&mut market.waiting);
                let skip = usize::from(self.byte() % 16);
                if let Some(order) = orders.skip(skip).next() {
                    self.change_order(order);
                }
            }
        }
    }

    fn change_head(&mut self, head: &mut MarketHead) {
        match self.byte() % 12 {
            0 => head.market = MarketId(self.pick(&[0, 1, 2, u32::MAX])),
            1 => head.spec = self.spec(),
            2 => head.phase = self.phase(),
            3 => head.last_sequence = Sequence(self.number()),
            4 => head.last_price = self.maybe(2, Self::price),
            5 => head.last_trade = TradeNumber(self.number()),
            6 => head.next_priority = Priority(self.number()),
            7 => head.epoch = EpochNumber(self.number()),
            8 => head.epoch_first_sequence = Sequence(self.number()),
            9 => head.turnover.trades = self.number(),
            10 => {
                head.turnover.volume = u128::from(self.number());
                head.turnover.notional.0 = i128::from(self.number());
                (head.accepted, head.cancelled) = (self.number(), self.number());
            }
            _ => {
                head.turnover.prices = self.maybe(2, |bytes| Prices {
                    open: bytes.price(),
                    high: bytes.price(),
                    low: bytes.price(),
                    close: bytes.price(),
                });
            }
        }
    }

    fn change_requests(&mut self, market: &mut MarketSnapshot) {
        let Some(request) = market.requests.first_mut() else { return };
        match self.byte() % 5 {
            0 => request.account = AccountId(u128::from(self.number())),
            1 => request.request = RequestId(u128::from(self.number())),
            2 => request.sequence = Sequence(self.number()),
            3 => {
                request.outcome = self.pick(&[
                    Outcome::Accepted,
                    Outcome::Duplicate,
                    Outcome::Rejected(Reason::BookFull),
                ]);
            }
            _ => request.content = u128::from(self.number()),
        }
    }

    fn change_order(&mut self, order: &mut OrderRecord) {
        match self.byte() % 12 {
            0 => order.party.order = self.order(),
            1 => order.party.account = self.account(),
            2 => order.side = self.side(),
            3 => order.kind = self.kind(),
            4 => {
                let number = self.number();
                order.until = self.pick(&[
                    Until::Cancelled,
                    Until::Immediate,
                    Until::Filled,
                    Until::Time(Timestamp(number)),
                    Until::Epoch(EpochNumber(number)),
                ]);
            }
            5 => order.post_only = !order.post_only,
            6 => order.minimum_quantity = self.maybe(2, Self::quantity),
            7 => order.display_quantity = self.maybe(2, Self::quantity),
            8 => order.self_trade = self.self_trade(),
            9 => order.open = self.quantity(),
            10 => order.shown = self.quantity(),
            _ => order.priority = Priority(self.number()),
        }
    }
}
