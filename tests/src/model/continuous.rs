//! Matching in Continuous: a taker and the makers that it meets.

use pricetime_engine::{
    CancelReason, Event, OrderKind, OrderRecord, Price, Pricing, Quantity, SelfTrade, Side, Until,
};

use super::book::{Book, Pair, full_part, less, rank, waits};

/// What came of a taker's way through the book.
pub(super) struct Taken {
    /// How much it traded.
    traded: u64,
    /// Whether self-trade prevention stopped it.
    stopped: bool,
}

impl Book {
    /// Works an order off that has just entered: nothing at all happens if it does not get what it
    /// must have at once; otherwise it takes, and what is left rests or goes.
    pub(super) fn work(&mut self, mut taker: OrderRecord) {
        if taker.until == Until::Filled && self.would_trade(&taker) < taker.open.0 {
            return self.cancelled(&taker, CancelReason::FillOrKill);
        }
        let minimum = taker.minimum_quantity.map_or(0, |minimum| minimum.0);
        if minimum > 0 && self.would_trade(&taker) < minimum {
            return self.cancelled(&taker, CancelReason::ImmediateOrCancel);
        }
        let taken = self.take(&mut taker);
        if taker.open.0 == 0 {
            return;
        }
        match self.why_it_may_not_rest(&taker, &taken) {
            Some(reason) => self.cancelled(&taker, reason),
            None => self.rest(taker),
        }
    }

    /// What is left of a taker.
    fn why_it_may_not_rest(&self, taker: &OrderRecord, taken: &Taken) -> Option<CancelReason> {
        let more_there = self.best(taker.side.opposite()).is_some();
        if taken.stopped {
            Some(CancelReason::SelfTrade)
        } else if taker.kind == OrderKind::Market && more_there {
            Some(CancelReason::PriceProtection)
        } else if taker.kind == OrderKind::Market {
            Some(CancelReason::NoLiquidity)
        } else if taker.until == Until::Immediate {
            Some(CancelReason::ImmediateOrCancel)
        } else {
            None
        }
    }

    /// Whether the best opposite price is within the order's limit.
    pub(super) fn reaches_the_other_side(&self, order: &OrderRecord) -> bool {
        let best = self.best(order.side.opposite());
        best.zip(order.kind.price()).is_some_and(|(best, limit)| match order.side {
            Side::Buy => best <= limit,
            Side::Sell => best >= limit,
        })
    }

    /// The dry run: how much the order would trade, by letting it trade in a copy of the book.
    pub(super) fn would_trade(&self, taker: &OrderRecord) -> u64 {
        let mut copy = self.clone();
        let mut taker = *taker;
        copy.take(&mut taker).traded
    }

    /// Lets a taker, which is not in the book, meet one maker after the other.
    fn take(&mut self, taker: &mut OrderRecord) -> Taken {
        let bound = self.bound(taker);
        let mut taken = Taken { traded: 0, stopped: false };
        while taker.open.0 > 0 && !taken.stopped {
            let Some(at) = self.first_maker(taker.side.opposite(), bound) else {
                break;
            };
            let mut maker = self.orders.swap_remove(at);
            let same_account = maker.party.account == taker.party.account;
            let mode = if same_account { taker.self_trade } else { SelfTrade::None };
            match mode {
                SelfTrade::None => {
                    taken.traded += self.trade_with(&mut maker, taker).0;
                    self.put_back(maker);
                }
                SelfTrade::CancelTaker => {
                    taken.stopped = true;
                    self.orders.push(maker);
                }
                SelfTrade::CancelMaker => self.cancelled(&maker, CancelReason::SelfTrade),
                SelfTrade::CancelBoth => {
                    taken.stopped = true;
                    self.cancelled(&maker, CancelReason::SelfTrade);
                }
                SelfTrade::Decrement => {
                    self.decrement(&mut maker, taker);
                    self.put_back(maker);
                }
            }
        }
        taken
    }

    /// The worst price that a taker takes. Wider than a price, so that no protection runs over.
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

    /// The order of this side that is next to trade, if its price is within the bound.
    fn first_maker(&self, side: Side, bound: Option<i128>) -> Option<usize> {
        let resting = self.orders.iter().enumerate();
        let resting = resting.filter(|(_, o)| o.side == side && !waits(o));
        let (at, first) = resting.min_by_key(|(_, o)| rank(o))?;
        let price = i128::from(first.kind.price()?.0);
        let within = bound.is_none_or(|bound| match side {
            Side::Buy => price >= bound,
            Side::Sell => price <= bound,
        });
        within.then_some(at)
    }

    fn trade_with(&mut self, maker: &mut OrderRecord, taker: &mut OrderRecord) -> Quantity {
        let quantity = taker.open.min(maker.shown);
        let price = self.price_of_trade(maker, taker);
        maker.shown = less(maker.shown, quantity);
        self.trade(Pair { maker, taker }, price, quantity);
        quantity
    }

    fn price_of_trade(&self, maker: &OrderRecord, taker: &OrderRecord) -> Price {
        // In Continuous only limit orders rest.
        let at = maker.kind.price().expect("a maker has a limit");
        match (self.head.spec.pricing, taker.kind.price()) {
            (Pricing::Maker, _) | (Pricing::Midpoint, None) => at,
            (Pricing::Midpoint, Some(limit)) => {
                // Division drops the half toward zero, which is toward the maker.
                let halfway = (i128::from(limit.0) - i128::from(at.0)) / 2;
                let price = i128::from(at.0) + halfway;
                Price(i64::try_from(price).expect("it lies between two prices"))
            }
        }
    }

    /// Two orders of one account shrink by the smaller of what is there.
    fn decrement(&mut self, maker: &mut OrderRecord, taker: &mut OrderRecord) {
        let by = taker.open.min(maker.shown);
        maker.open = less(maker.open, by);
        maker.shown = less(maker.shown, by);
        taker.open = less(taker.open, by);
        for (order, shown) in [(&*maker, maker.shown), (&*taker, full_part(taker))] {
            self.events.push(Event::Reduced {
                party: order.party,
                by,
                remaining: order.open,
                shown,
            });
        }
    }

    /// A maker after a trade: it is used up, or shows its next part at the tail, or stays.
    fn put_back(&mut self, mut maker: OrderRecord) {
        if maker.open.0 == 0 {
            return;
        }
        if maker.shown.0 == 0 {
            maker.shown = full_part(&maker);
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
