//! What a taker would trade, found without trading: for fill-or-kill orders and minimum quantities.

use core::ops::ControlFlow;

use crate::arena::slot;
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
    /// What is open of the orders that the taker's account has on the other side, by the number of their
    /// level.
    own: Vec<Quantity>,
    /// The levels where there is something of it.
    own_levels: Vec<u32>,
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
        if !is_there(standing, taker, bound, needed) {
            return false;
        }
        // Only an order of its own account makes a taker meet less than what is there.
        if taker.self_trade == SelfTrade::None {
            return true;
        }
        (self.left, self.needed) = (taker.open, needed);
        let ladder = standing.ladder(taker.side.opposite());
        let (mut walked, mut known) = (0_u32, false);
        let _ended = ladder.open_levels().try_for_each(|(number, level, open)| {
            if !taker.side.reaches(bound, level.price) {
                return ControlFlow::Break(());
            }
            walked = walked.saturating_add(level.orders);
            if !known && walked > WALKED {
                self.find_own(standing, taker);
                known = true;
            }
            let sum = known.then(|| self.take_sum(open, self.own_at(number), taker.self_trade));
            let goes_on = sum.flatten().unwrap_or_else(|| self.run_through(standing, taker, level));
            if goes_on && !self.is_over() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        self.forget_own();
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
        match (self_trade, own) {
            (SelfTrade::None | SelfTrade::CancelMaker, _) | (_, None) => {}
            // However early it meets them, enough is left.
            (SelfTrade::Decrement, Some(own)) if own <= self.left.minus(self.needed) => {
                self.step(own, true);
            }
            // It ends here, and what it needs is not here.
            (SelfTrade::Decrement | SelfTrade::CancelTaker | SelfTrade::CancelBoth, _) => {
                return (others < self.needed).then_some(false);
            }
        }
        self.meet(others);
        Some(true)
    }

    /// What is open of the taker's account's orders in a level, if it has any there.
    fn own_at(&self, level: u32) -> Option<Quantity> {
        self.own.get(slot(level)).copied().filter(|own| !own.is_zero())
    }

    /// Notes the orders that the taker's account has on the other side.
    fn find_own(&mut self, standing: &Standing, taker: &OrderRecord) {
        let own = standing.orders(Whose::Account(taker.party.account));
        own.filter(|(_, order)| order.side != taker.side).for_each(|(at, order)| {
            let Some(level) = order.level() else { return };
            if self.own.len() <= slot(level) {
                self.own.resize(slot(level).saturating_add(1), Quantity::ZERO);
            }
            let Some(own) = self.own.get_mut(slot(level)) else { return };
            if own.is_zero() {
                self.own_levels.push(level);
            }
            *own = own.plus(standing.open(at));
        });
    }

    fn forget_own(&mut self) {
        for level in self.own_levels.drain(..) {
            if let Some(own) = self.own.get_mut(slot(level)) {
                *own = Quantity::ZERO;
            }
        }
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
            let parts = standing.parts(handle);
            if !parts.hidden.is_zero() {
                self.parts.push((parts, own));
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

    /// Whether it is sure that what is needed would trade, or that it would not.
    fn is_over(&self) -> bool {
        self.needed.is_zero() || self.left < self.needed
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

/// Whether so much is open at the prices that a taker reaches.
fn is_there(
    standing: &Standing,
    taker: &OrderRecord,
    bound: Option<Price>,
    needed: Quantity,
) -> bool {
    let side = taker.side.opposite();
    if standing.summary(side).resting_quantity < needed {
        return false;
    }
    let reached = standing.ladder(side).open_levels();
    let mut reached = reached.take_while(|(_, level, _)| taker.side.reaches(bound, level.price));
    let left = reached.try_fold(needed, |left, (_, _, open)| {
        let left = left.minus(left.min(open));
        (!left.is_zero()).then_some(left)
    });
    left.is_none()
}
