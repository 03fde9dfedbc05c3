//! What a taker would trade, found without trading: for fill-or-kill orders and minimum quantities.

use crate::command::SelfTrade;
use crate::ladder::Level;
use crate::owners::Whose;
use crate::parts::{Parts, whole_rounds};
use crate::quantity::{Price, Quantity};
use crate::snapshot::OrderRecord;
use crate::standing::Standing;

/// A dry run, and room for what it has to remember: it is kept, so that none is allocated.
#[derive(Debug, Default)]
pub(crate) struct DryRun {
    /// What is left of the taker.
    left: Quantity,
    /// How much of that has still to trade.
    needed: Quantity,
    /// What is hidden of the orders of a level, and whether it is the taker's account's own.
    parts: Vec<(Parts, bool)>,
    /// How much is open of the orders that the taker's account has on the other side, and at which prices;
    /// ascending.
    own: Vec<(Price, Quantity)>,
}

/// A dry run looks at no more orders one by one before it asks which levels it can take as sums.
const WALKED: u32 = if cfg!(any(test, tight)) { 2 } else { 100 };

impl DryRun {
    /// Whether the very matching that this taker faces would trade at least `needed` of it.
    pub(crate) fn would_trade(
        &mut self,
        standing: &Standing,
        taker: &OrderRecord,
        bound: Option<Price>,
        needed: Quantity,
    ) -> bool {
        (self.left, self.needed) = (taker.open, needed);
        self.own.clear();
        // Only an order of its own account makes a taker meet more than a level's sum.
        let walks = taker.self_trade != SelfTrade::None;
        let (mut walked, mut known) = (0_u32, false);
        for (level, open) in standing.ladder(taker.side.opposite()).open_levels() {
            if self.is_over() || !taker.side.reaches(bound, level.price) {
                break;
            }
            walked = walked.saturating_add(level.orders);
            if walks && !known && walked > WALKED {
                self.find_own(standing, taker);
                known = true;
            }
            let goes_on = (known || !walks)
                .then(|| self.take_sum(open, self.own_at(level.price), taker.self_trade))
                .flatten();
            if !goes_on.unwrap_or_else(|| self.run_through(standing, taker, level)) {
                break;
            }
        }
        self.needed.is_zero()
    }

    /// Takes a level of which this is open without a look at its orders. `own` is what is open there of the
    /// taker's account, if it has orders there. Returns whether the taker goes on behind the level, or `None`
    /// if the order of the queue decides.
    fn take_sum(
        &mut self,
        open: Quantity,
        own: Option<Quantity>,
        self_trade: SelfTrade,
    ) -> Option<bool> {
        let others = open.minus(own.unwrap_or(Quantity::ZERO));
        let falls_short = others < self.needed || self.left < self.needed;
        match (self_trade, own) {
            (SelfTrade::None | SelfTrade::CancelMaker, _) | (_, None) => {}
            (SelfTrade::Decrement, Some(own)) if self.left >= open => self.step(own, true),
            // It ends here, and what it needs is not here.
            (SelfTrade::Decrement | SelfTrade::CancelTaker | SelfTrade::CancelBoth, _) => {
                return falls_short.then_some(false);
            }
        }
        self.meet(others);
        Some(true)
    }

    /// How much is open at this price of the orders of the taker's account, if it has any there.
    fn own_at(&self, price: Price) -> Option<Quantity> {
        let from = self.own.partition_point(|(at, _)| *at < price);
        let here = self.own.get(from..)?.iter().take_while(|(at, _)| *at == price);
        here.map(|(_, open)| *open).reduce(Quantity::plus)
    }

    fn find_own(&mut self, standing: &Standing, taker: &OrderRecord) {
        let ladder = standing.ladder(taker.side.opposite());
        let own = standing.orders(Whose::Account(taker.party.account)).filter_map(|(at, order)| {
            let meets = order.side != taker.side && order.level().is_some();
            meets.then(|| (ladder.price(order), standing.open(at)))
        });
        self.own.extend(own);
        self.own.sort_unstable();
    }

    /// Goes through one level, part by part as they would come up. Says whether the taker goes on
    /// behind it.
    fn run_through(&mut self, standing: &Standing, taker: &OrderRecord, level: &Level) -> bool {
        self.parts.clear();
        for handle in standing.queue(taker.side.opposite(), level) {
            let order = standing.order(handle);
            let own = order.account == taker.party.account;
            match taker.self_trade {
                SelfTrade::CancelMaker if own => continue,
                SelfTrade::CancelTaker | SelfTrade::CancelBoth if own => return false,
                SelfTrade::None
                | SelfTrade::CancelTaker
                | SelfTrade::CancelMaker
                | SelfTrade::CancelBoth
                | SelfTrade::Decrement => {}
            }
            self.step(order.shown, own);
            if self.is_over() {
                return false;
            }
            let hidden = standing.hidden(handle);
            if !hidden.is_zero() {
                let display = standing.display(handle).unwrap_or(hidden);
                self.parts.push((Parts { hidden, display }, own));
            }
        }
        // All rounds of the parts but the last are sums.
        let parts = core::mem::take(&mut self.parts);
        let goes_on = |rounds: u64| {
            let (mut mine, mut others) = (Quantity::ZERO, Quantity::ZERO);
            for (parts, own) in &parts {
                let sum = if *own { &mut mine } else { &mut others };
                *sum = sum.plus(parts.after(rounds));
            }
            mine.plus(others) < self.left && others < self.needed
        };
        let rounds = whole_rounds(parts.iter().map(|(parts, _)| parts), goes_on);
        for (parts, own) in &parts {
            self.step(parts.after(rounds), *own);
        }
        for (parts, own) in &parts {
            let rest = parts.hidden.minus(parts.after(rounds));
            self.step(rest.min(parts.display), *own);
        }
        self.parts = parts;
        !self.is_over()
    }

    const fn is_over(&self) -> bool {
        self.left.is_zero() || self.needed.is_zero()
    }

    fn meet(&mut self, quantity: Quantity) {
        let traded = self.left.min(quantity);
        self.left = self.left.minus(traded);
        self.needed = self.needed.minus(traded.min(self.needed));
    }

    /// Meets a part: an own one shrinks the taker without a trade.
    fn step(&mut self, quantity: Quantity, own: bool) {
        if own {
            self.left = self.left.minus(self.left.min(quantity));
        } else {
            self.meet(quantity);
        }
    }
}
