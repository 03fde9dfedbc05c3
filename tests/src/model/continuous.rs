//! Matching in Continuous: a taker against makers.

use std::collections::VecDeque;

use pricetime_engine::{
    CancelReason, Event, OrderKind, OrderRecord, Price, Pricing, Quantity, SelfTrade, Side, Until,
};

use super::book::{Book, Pair, full_part, is_waiting_stop, subtract};

/// The result of matching a taker.
pub(super) struct MatchResult {
    /// The quantity it traded.
    traded: u64,
    /// Whether self-trade prevention stopped it.
    stopped: bool,
}

/// An order that a taker met, in its earlier state, and the quantity that the taker took from it.
struct MatchedOrder {
    maker: OrderRecord,
    mode: SelfTrade,
    by: Quantity,
}

impl Book {
    /// Executes an order that has just entered. If it cannot trade the quantity that it must trade at once,
    /// it is cancelled whole. Otherwise it takes, and the rest of it rests or is cancelled.
    pub(super) fn execute(&mut self, mut taker: OrderRecord) {
        if taker.until == Until::Filled && self.would_trade(&taker) < taker.open.0 {
            return self.cancelled(&taker, CancelReason::FillOrKill);
        }
        let minimum = taker.minimum_quantity.map_or(0, |minimum| minimum.0);
        if minimum > 0 && self.would_trade(&taker) < minimum {
            return self.cancelled(&taker, CancelReason::ImmediateOrCancel);
        }
        let result = self.match_taker(&mut taker);
        if taker.open.0 == 0 {
            return;
        }
        match self.rest_cancel_reason(&taker, &result) {
            Some(reason) => self.cancelled(&taker, reason),
            None => self.rest(taker),
        }
    }

    /// The reason that the rest of a taker is cancelled, or `None` if it rests.
    fn rest_cancel_reason(
        &self,
        taker: &OrderRecord,
        result: &MatchResult,
    ) -> Option<CancelReason> {
        let has_opposite = self.best(taker.side.opposite()).is_some();
        if result.stopped {
            Some(CancelReason::SelfTrade)
        } else if taker.kind == OrderKind::Market && has_opposite {
            Some(CancelReason::PriceProtection)
        } else if taker.kind == OrderKind::Market {
            Some(CancelReason::NoLiquidity)
        } else if taker.until == Until::Immediate {
            Some(CancelReason::ImmediateOrCancel)
        } else {
            None
        }
    }

    /// Returns `true` if the best opposite price is within the order's limit.
    pub(super) fn reaches_the_other_side(&self, order: &OrderRecord) -> bool {
        let best = self.best(order.side.opposite());
        best.zip(order.kind.price()).is_some_and(|(best, limit)| match order.side {
            Side::Buy => best <= limit,
            Side::Sell => best >= limit,
        })
    }

    /// The quantity that the order would trade, found by letting it trade in a copy of the book.
    pub(super) fn would_trade(&self, taker: &OrderRecord) -> u64 {
        let mut copy = self.clone();
        let mut taker = *taker;
        copy.match_taker(&mut taker).traded
    }

    /// Matches a taker, which is not in the book, against one price after another.
    fn match_taker(&mut self, taker: &mut OrderRecord) -> MatchResult {
        let bound = self.bound(taker);
        let mut result = MatchResult { traded: 0, stopped: false };
        while taker.open.0 > 0 && !result.stopped {
            let Some(price) = self.first_price(taker.side.opposite(), bound) else {
                break;
            };
            let (matched, queue) = self.match_at_price(price, taker, &mut result);
            for matched in matched {
                self.report_match(matched, taker);
            }
            for (maker, is_replenished) in queue {
                self.put_back(maker, is_replenished);
            }
        }
        result
    }

    /// Matches a taker against the parts of the queue at one price. Returns the orders it met, in order,
    /// and the remaining queue, in which each order is marked if it shows a new part. No events are created
    /// yet.
    fn match_at_price(
        &mut self,
        price: Price,
        taker: &OrderRecord,
        result: &mut MatchResult,
    ) -> (Vec<MatchedOrder>, VecDeque<(OrderRecord, bool)>) {
        let side = taker.side.opposite();
        let here = |o: &OrderRecord| {
            o.side == side && !is_waiting_stop(o) && o.kind.price() == Some(price)
        };
        let queue = self.resting(side).into_iter().filter(here).map(|maker| (maker, false));
        let mut queue: VecDeque<(OrderRecord, bool)> = queue.collect();
        self.orders.retain(|o| !here(o));
        let (mut matched, mut left): (Vec<MatchedOrder>, _) = (Vec::new(), taker.open);
        while left.0 > 0
            && !result.stopped
            && let Some((mut maker, is_replenished)) = queue.pop_front()
        {
            let same_account = maker.party.account == taker.party.account;
            let mode = if same_account { taker.self_trade } else { SelfTrade::None };
            result.stopped = matches!(mode, SelfTrade::CancelTaker | SelfTrade::CancelBoth);
            if mode == SelfTrade::CancelTaker {
                queue.push_front((maker, is_replenished));
                break;
            }
            let at = matched.iter().position(|matched| matched.maker.party == maker.party);
            let at = at.unwrap_or_else(|| {
                matched.push(MatchedOrder { maker, mode, by: Quantity(0) });
                matched.len() - 1
            });
            if matches!(mode, SelfTrade::CancelMaker | SelfTrade::CancelBoth) {
                continue;
            }
            let by = left.min(maker.shown);
            left = subtract(left, by);
            matched[at].by = Quantity(matched[at].by.0 + by.0);
            if mode == SelfTrade::None {
                result.traded += by.0;
            }
            maker.open = subtract(maker.open, by);
            maker.shown = subtract(maker.shown, by);
            if maker.shown.0 > 0 {
                queue.push_front((maker, is_replenished));
            } else if maker.open.0 > 0 {
                maker.shown = full_part(&maker);
                queue.push_back((maker, true));
            }
        }
        (matched, queue)
    }

    /// Creates the events for an order that a taker met.
    fn report_match(&mut self, matched: MatchedOrder, taker: &mut OrderRecord) {
        let MatchedOrder { mut maker, mode, by } = matched;
        match mode {
            SelfTrade::None => {
                let price = self.price_of_trade(&maker, taker);
                self.trade(Pair { maker: &mut maker, taker }, price, by);
            }
            SelfTrade::Decrement => self.decrement(&maker, taker, by),
            SelfTrade::CancelMaker | SelfTrade::CancelTaker | SelfTrade::CancelBoth => {
                self.cancelled(&maker, CancelReason::SelfTrade);
            }
        }
    }

    /// The worst price that a taker accepts. An `i128`, so that price protection does not overflow.
    fn bound(&self, taker: &OrderRecord) -> Option<i128> {
        if let Some(limit) = taker.kind.price() {
            return Some(i128::from(limit.0));
        }
        let best = i128::from(self.best(taker.side.opposite())?.0);
        let ticks = i128::from(self.head.spec.terms.protection_ticks?);
        Some(match taker.side {
            Side::Buy => best + ticks,
            Side::Sell => best - ticks,
        })
    }

    /// The best price of this side, if it is within the bound.
    fn first_price(&self, side: Side, bound: Option<i128>) -> Option<Price> {
        let first = self.best(side)?;
        let price = i128::from(first.0);
        let within = bound.is_none_or(|bound| match side {
            Side::Buy => price >= bound,
            Side::Sell => price <= bound,
        });
        within.then_some(first)
    }

    fn price_of_trade(&self, maker: &OrderRecord, taker: &OrderRecord) -> Price {
        // In Continuous only limit orders rest.
        let at = maker.kind.price().expect("a maker has a limit");
        match (self.head.spec.pricing, taker.kind.price()) {
            (Pricing::Maker, _) | (Pricing::Midpoint, None) => at,
            (Pricing::Midpoint, Some(limit)) => {
                // Division truncates toward zero, which is toward the maker's price.
                let halfway = (i128::from(limit.0) - i128::from(at.0)) / 2;
                let price = i128::from(at.0) + halfway;
                Price(i64::try_from(price).expect("it lies between two prices"))
            }
        }
    }

    /// Reduces two orders of one account by the same quantity.
    fn decrement(&mut self, maker: &OrderRecord, taker: &mut OrderRecord, by: Quantity) {
        taker.open = subtract(taker.open, by);
        let shown = Quantity(maker.shown.0.saturating_sub(by.0));
        for (party, remaining, shown) in [
            (maker.party, subtract(maker.open, by), shown),
            (taker.party, taker.open, full_part(taker)),
        ] {
            self.events.push(Event::Reduced { party, by, remaining, shown });
        }
    }

    /// Puts an order back that a taker has left in the queue. If it shows a new part, it gets a new
    /// priority.
    fn put_back(&mut self, mut maker: OrderRecord, is_replenished: bool) {
        if is_replenished {
            maker.priority = self.take_priority();
            self.events.push(Event::Replenished {
                party: maker.party,
                remaining: maker.open,
                shown: maker.shown,
                priority: maker.priority,
            });
        }
        self.orders.push(maker);
    }
}
