//! Checks of every invariant of the stored orders. The cost is linear in their number.

use super::LiveOrders;
use crate::arena::Handle;
use crate::event::SideSummary;
use crate::invariant::holds;
use crate::ladder::Level;
use crate::quantity::{Quantity, Side};
use crate::snapshot::Until;

impl LiveOrders {
    /// Returns the first invariant that does not hold.
    pub(crate) fn audit(&self) -> Result<(), &'static str> {
        let seen = self.audit_side(Side::Buy)?.saturating_add(self.audit_side(Side::Sell)?);
        let waiting = self.buy_totals.waiting.saturating_add(self.sell_totals.waiting);
        let live = self.arena.live();
        holds(live == seen.saturating_add(waiting), "every live order either rests or waits")?;
        let live = usize::try_from(live).unwrap_or(usize::MAX);
        holds(self.index.len() == live, "the index holds exactly the live orders")?;
        let handles: Vec<Handle> = self.arena.handles().collect();
        // This is a loop of its own, so that the processor can overlap many of these cache misses.
        let found = handles.iter().all(|at| self.find(self.arena.order(*at).id) == Some(*at));
        holds(found, "the index finds every live order")?;
        handles.iter().try_for_each(|handle| self.audit_order(*handle))?;
        let registered = self.owners.register().is_none_or(|register| register.check(&self.arena));
        holds(registered, "the register of owners matches the orders")?;
        let count = |until: fn(&Until) -> bool| {
            handles.iter().filter(|handle| until(&self.arena.until(**handle))).count()
        };
        let agree = self.expiries.len() == count(|u| matches!(u, Until::Time(_)))
            && self.last_epochs.len() == count(|u| matches!(u, Until::Epoch(_)))
            && self.stops.len() == usize::try_from(waiting).unwrap_or(usize::MAX)
            && self.expiries.check()
            && self.last_epochs.check()
            && self.stops.check();
        holds(agree, "expiries, last epochs and stops match the live orders")
    }

    /// Checks one side's levels and queues, and returns the number of its resting orders.
    fn audit_side(&self, side: Side) -> Result<u32, &'static str> {
        let ladder = self.ladder(side);
        let mut sums = SideSummary::default();
        let mut levels = 0_usize;
        let mut last = None;
        self.audit_level(side, (ladder.unpriced(), ladder.unpriced_open()), &mut sums)?;
        for (_, level, held) in ladder.open_levels() {
            self.audit_level(side, (level, held), &mut sums)?;
            holds(level.orders != 0, "no level is empty")?;
            let better = last.is_none_or(|last| match side {
                Side::Buy => level.price < last,
                Side::Sell => level.price > last,
            });
            holds(better, "levels are sorted, the best first")?;
            last = Some(level.price);
            levels = levels.saturating_add(1);
        }
        holds(levels == ladder.len(), "every level is reached from the best")?;
        let totals = self.summary(side);
        let agree = totals.resting == sums.resting
            && totals.resting_quantity == sums.resting_quantity
            && totals.hidden_quantity == sums.hidden_quantity;
        holds(agree, "a side's totals are the sums over its levels")?;
        let waits = |handle: &Handle| {
            let order = self.arena.order(*handle);
            order.side == side && order.level().is_none()
        };
        let waiting = self
            .arena
            .handles()
            .filter(waits)
            .fold(Quantity::ZERO, |sum, handle| sum.plus(self.arena.open(handle)));
        holds(
            waiting == totals.waiting_quantity,
            "a side's waiting total is the sum of its stops",
        )?;
        Ok(sums.resting)
    }

    fn audit_level(
        &self,
        side: Side,
        (level, held): (&Level, Quantity),
        sums: &mut SideSummary,
    ) -> Result<(), &'static str> {
        let ladder = self.ladder(side);
        let (mut orders, mut shown, mut open) = (0_u32, Quantity::ZERO, Quantity::ZERO);
        let mut last = None;
        for handle in ladder.queue(&self.arena, level) {
            let order = self.arena.order(handle);
            holds(order.side == side, "an order is on its own side")?;
            holds(last.is_none_or(|p| p < order.priority), "a queue is sorted by priority")?;
            let own = || Some(ladder.price(order));
            let stated = self.arena.kind(handle).map_or_else(own, |kind| kind.price());
            let priced = stated.is_none_or(|price| price == level.price);
            holds(priced, "an order is at its own price")?;
            holds(!order.shown.is_zero(), "every order in a queue shows at least one lot")?;
            last = Some(order.priority);
            orders = orders.saturating_add(1);
            shown = shown.plus(order.shown);
            open = open.plus(self.arena.open(handle));
        }
        let agree = orders == level.orders && shown == level.shown && open == held;
        holds(agree, "a level's totals are the sums over its queue")?;
        sums.resting = sums.resting.saturating_add(orders);
        sums.resting_quantity = sums.resting_quantity.plus(open);
        sums.hidden_quantity = sums.hidden_quantity.plus(open.minus(shown));
        Ok(())
    }

    fn audit_order(&self, handle: Handle) -> Result<(), &'static str> {
        let order = self.record(handle);
        let is_resting = self.arena.order(handle).level().is_some();
        holds(is_resting == order.kind.stop().is_none(), "stops wait and all other orders rest")?;
        if let Some(stop) = order.kind.stop() {
            let held = self.stops.holds(order.side, stop, order.priority, handle);
            holds(held, "a waiting stop is among the stops")?;
        }
        let is_registered = match order.until {
            Until::Time(time) => self.expiries.key(handle.0) == Some((time.0, order.priority.0)),
            Until::Epoch(epoch) => {
                self.last_epochs.key(handle.0) == Some((epoch.0, order.priority.0))
            }
            Until::Cancelled | Until::Immediate | Until::Filled => true,
        };
        holds(is_registered, "an order's expiry or last epoch is registered")
    }
}
