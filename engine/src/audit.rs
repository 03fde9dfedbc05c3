//! Checks of every invariant of the state. The cost is linear in its size.

use crate::book::Book;
use crate::engine::Engine;
use crate::invariant::{Broken, holds};
use crate::market::Phase;
use crate::snapshot::{OrderRecord, Until};

impl Engine {
    /// Checks every invariant of every market.
    ///
    /// # Errors
    /// Returns [`Broken`] with the first invariant that does not hold. This means a bug in this
    /// crate or a fault of the machine.
    pub fn audit(&self) -> Result<(), Broken> {
        let agree = self.ids.iter().eq(self.books.iter().map(|book| &book.head.market));
        holds(agree, "the list of ids matches the markets")
            .map_err(|invariant| Broken { market: None, invariant })?;
        self.books.iter().try_for_each(Book::audit)
    }
}

impl Book {
    /// Checks every invariant of this market.
    ///
    /// # Errors
    /// Returns [`Broken`] with the first invariant that does not hold.
    pub fn audit(&self) -> Result<(), Broken> {
        let broken = |invariant| Broken { market: Some(self.head.market), invariant };
        self.audit_all().map_err(broken)
    }

    pub(crate) fn audit_all(&self) -> Result<(), &'static str> {
        self.live_orders.audit()?;
        holds(
            self.live_orders.live() <= self.head.spec.limits.orders_max,
            "the number of orders is at most orders_max",
        )?;
        let mut priorities = Vec::new();
        for order in self.live_orders.records() {
            self.check_record(&order)?;
            priorities.push(order.priority);
        }
        priorities.sort_unstable();
        let unique = priorities.windows(2).all(|pair| pair.first() != pair.last());
        let below = priorities.last().is_none_or(|last| *last < self.head.next_priority);
        holds(unique && below, "priorities are unique and below the next one")?;
        holds(self.window.check(), "the request window finds every request that it holds")?;
        holds(self.blocked.is_sorted(), "blocked accounts are sorted")?;
        self.audit_phase()
    }

    fn audit_phase(&self) -> Result<(), &'static str> {
        match self.head.phase {
            Phase::Continuous => {
                holds(!self.is_crossed(), "a book in Continuous is not crossed")?;
                holds(!self.has_market_orders(), "no market order rests in Continuous")
            }
            Phase::Closed => holds(self.live_orders.live() == 0, "a closed market holds no orders"),
            Phase::Call | Phase::Halted => Ok(()),
        }
    }

    /// Checks the invariants of a single live order.
    pub(crate) fn check_record(&self, order: &OrderRecord) -> Result<(), &'static str> {
        let spec = &self.head.spec;
        let waits = order.kind.stop().is_some();
        let priced = order.kind.price().is_some();
        let is_immediate = matches!(order.until, Until::Immediate | Until::Filled);
        let open = !order.open.is_zero() && order.open <= spec.quantity_max;
        holds(open, "an order's open quantity is from 1 to quantity_max")?;
        let hidden = order.open.0.checked_sub(order.shown.0);
        let shown = match (waits, order.display_quantity) {
            (true, _) => order.shown.is_zero(),
            (false, None) => hidden == Some(0),
            (false, Some(display)) => (1..=display.0).contains(&order.shown.0) && hidden.is_some(),
        };
        holds(shown, "an order shows its open quantity, an iceberg at most its display quantity")?;
        if let (Some(display), Some(hidden)) = (order.display_quantity, hidden) {
            let divisible = !display.is_zero()
                && hidden.div_ceil(display.0) <= u64::from(spec.limits.parts_max);
            holds(
                divisible && priced && !is_immediate,
                "an iceberg has a price, can rest and has at most parts_max parts",
            )?;
        }
        let minimum = order.minimum_quantity.is_none_or(|minimum| {
            waits && order.until == Until::Immediate && 0 < minimum.0 && minimum <= order.open
        });
        holds(minimum, "only an IOC stop has a minimum quantity, from 1 to its open quantity")?;
        holds(waits || !is_immediate, "no IOC or FOK order rests")?;
        holds(
            !order.post_only || (!waits && priced && !is_immediate),
            "only a resting limit order is post-only",
        )?;
        let prices = [order.kind.price(), order.kind.stop()];
        let payable = prices.into_iter().flatten().all(|price| spec.is_payable(price));
        holds(payable, "quantity_max at an order's price stays within 2^94")?;
        let ends = match order.until {
            Until::Epoch(last) => last >= self.head.epoch,
            Until::Cancelled | Until::Immediate | Until::Filled | Until::Time(_) => true,
        };
        holds(ends, "no order's last epoch has closed")
    }
}
