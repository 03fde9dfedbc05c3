//! What a taker would trade, computed without trading, for fill-or-kill orders and minimum
//! quantities.

use core::ops::ControlFlow;

use crate::arena::slot;
use crate::command::SelfTrade;
use crate::ladder::Level;
use crate::live_orders::LiveOrders;
use crate::owners::OrderFilter;
use crate::parts::{Parts, whole_rounds};
use crate::quantity::{Price, Quantity};
use crate::snapshot::OrderRecord;

/// A dry run and its buffers, which are kept to avoid allocations.
#[derive(Debug, Default)]
pub(crate) struct DryRun {
    /// The quantity that is left of the taker.
    left: Quantity,
    /// How much of that must still trade.
    needed: Quantity,
    /// The hidden parts of a level's orders. The flag is `true` for orders of the taker's own
    /// account.
    parts: Vec<(Parts, bool)>,
    /// The open quantity of the taker's account on the other side, by level number.
    own: Vec<Quantity>,
    /// The levels with an entry in `own`.
    own_levels: Vec<u32>,
}

/// How many orders a dry run may visit one by one. After that it determines which levels it can
/// take as sums.
const VISITED_MAX: u32 = if cfg!(any(test, tight)) { 2 } else { 100 };

impl DryRun {
    /// Returns `true` if matching this taker would trade at least `needed` of it.
    pub(crate) fn would_trade(
        &mut self,
        live_orders: &LiveOrders,
        taker: &OrderRecord,
        bound: Option<Price>,
        needed: Quantity,
    ) -> bool {
        if !is_available(live_orders, taker, bound, needed) {
            return false;
        }
        // Only orders of its own account make a taker trade less than the other side offers.
        if taker.self_trade == SelfTrade::None {
            return true;
        }
        (self.left, self.needed) = (taker.open, needed);
        let ladder = live_orders.ladder(taker.side.opposite());
        let (mut visited, mut known) = (0_u32, false);
        let _ended = ladder.open_levels().try_for_each(|(number, level, open)| {
            if !taker.side.reaches(bound, level.price) {
                return ControlFlow::Break(());
            }
            visited = visited.saturating_add(level.orders);
            if !known && visited > VISITED_MAX {
                self.find_own(live_orders, taker);
                known = true;
            }
            let sum =
                known.then(|| self.take_whole_level(open, self.own_at(number), taker.self_trade));
            let can_continue =
                sum.flatten().unwrap_or_else(|| self.visit_level(live_orders, taker, level));
            if can_continue && !self.is_decided() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        self.clear_own();
        self.needed.is_zero()
    }

    /// Takes a level with the open quantity `open` without visiting its orders. `own` is the part
    /// of it that belongs to the taker's account, if it has orders there. Returns whether the taker
    /// continues after the level, or `None` if the order of the queue decides.
    fn take_whole_level(
        &mut self,
        open: Quantity,
        own: Option<Quantity>,
        self_trade: SelfTrade,
    ) -> Option<bool> {
        let others = open.minus(own.unwrap_or(Quantity::ZERO));
        match (self_trade, own) {
            (SelfTrade::None | SelfTrade::CancelMaker, _) | (_, None) => {}
            // Enough of the taker is left, in whatever order the queue is.
            (SelfTrade::Decrement, Some(own)) if own <= self.left.minus(self.needed) => {
                self.take_part(own, true);
            }
            // The taker ends here, and this level does not have what it needs.
            (SelfTrade::Decrement | SelfTrade::CancelTaker | SelfTrade::CancelBoth, _) => {
                return (others < self.needed).then_some(false);
            }
        }
        self.trade(others);
        Some(true)
    }

    /// The open quantity of the taker's account at a level, if it has orders there.
    fn own_at(&self, level: u32) -> Option<Quantity> {
        self.own.get(slot(level)).copied().filter(|own| !own.is_zero())
    }

    /// Computes `own`.
    fn find_own(&mut self, live_orders: &LiveOrders, taker: &OrderRecord) {
        let own = live_orders.orders(OrderFilter::Account(taker.party.account));
        own.filter(|(_, order)| order.side != taker.side).for_each(|(at, order)| {
            let Some(level) = order.level() else { return };
            if self.own.len() <= slot(level) {
                self.own.resize(slot(level).saturating_add(1), Quantity::ZERO);
            }
            let Some(own) = self.own.get_mut(slot(level)) else { return };
            if own.is_zero() {
                self.own_levels.push(level);
            }
            *own = own.plus(live_orders.open(at));
        });
    }

    fn clear_own(&mut self) {
        for level in self.own_levels.drain(..) {
            if let Some(own) = self.own.get_mut(slot(level)) {
                *own = Quantity::ZERO;
            }
        }
    }

    /// Visits one level, part by part in the order in which the parts come up. Returns `true` if
    /// the taker continues after the level.
    fn visit_level(
        &mut self,
        live_orders: &LiveOrders,
        taker: &OrderRecord,
        level: &Level,
    ) -> bool {
        self.parts.clear();
        for handle in live_orders.queue(taker.side.opposite(), level) {
            let order = live_orders.order(handle);
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
            self.take_part(order.shown, own);
            if self.is_decided() {
                return false;
            }
            let parts = live_orders.parts(handle);
            if !parts.hidden.is_zero() {
                self.parts.push((parts, own));
            }
        }
        // All rounds of the parts but the last are computed as sums.
        let parts = core::mem::take(&mut self.parts);
        let can_continue = |rounds: u64| {
            let (mut mine, mut others) = (Quantity::ZERO, Quantity::ZERO);
            for (parts, own) in &parts {
                let sum = if *own { &mut mine } else { &mut others };
                *sum = sum.plus(parts.after(rounds));
            }
            mine.plus(others) < self.left && others < self.needed
        };
        let rounds = whole_rounds(parts.iter().map(|(parts, _)| parts), can_continue);
        for (parts, own) in &parts {
            self.take_part(parts.after(rounds), *own);
        }
        for (parts, own) in &parts {
            let rest = parts.hidden.minus(parts.after(rounds));
            self.take_part(rest.min(parts.display), *own);
        }
        self.parts = parts;
        !self.is_decided()
    }

    /// Returns `true` if the result is known.
    fn is_decided(&self) -> bool {
        self.needed.is_zero() || self.left < self.needed
    }

    fn trade(&mut self, quantity: Quantity) {
        let traded = self.left.min(quantity);
        self.left = self.left.minus(traded);
        self.needed = self.needed.minus(traded.min(self.needed));
    }

    /// Takes a part of an order. A part of an own order reduces the taker without a trade.
    fn take_part(&mut self, quantity: Quantity, own: bool) {
        if own {
            self.left = self.left.minus(self.left.min(quantity));
        } else {
            self.trade(quantity);
        }
    }
}

/// Returns `true` if at least `needed` is open at the prices that the taker reaches.
fn is_available(
    live_orders: &LiveOrders,
    taker: &OrderRecord,
    bound: Option<Price>,
    needed: Quantity,
) -> bool {
    let side = taker.side.opposite();
    if live_orders.summary(side).resting_quantity < needed {
        return false;
    }
    let reached = live_orders.ladder(side).open_levels();
    let mut reached = reached.take_while(|(_, level, _)| taker.side.reaches(bound, level.price));
    let left = reached.try_fold(needed, |left, (_, _, open)| {
        let left = left.minus(left.min(open));
        (!left.is_zero()).then_some(left)
    });
    left.is_none()
}
