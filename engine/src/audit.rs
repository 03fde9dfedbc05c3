//! Every invariant of the state, checked in time with its size.

use core::fmt;

use crate::arena::Handle;
use crate::book::Book;
use crate::engine::Engine;
use crate::event::SideSummary;
use crate::ladder::Level;
use crate::market::Phase;
use crate::quantity::{MarketId, Quantity, Side};
use crate::snapshot::{OrderRecord, Until};

/// An invariant that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where, unless it is the engine's own.
    pub market: Option<MarketId>,
    /// What should hold.
    pub invariant: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.market {
            Some(market) => write!(f, "market {market}: it does not hold that {}", self.invariant),
            None => write!(f, "it does not hold that {}", self.invariant),
        }
    }
}

impl core::error::Error for Broken {}

/// `Ok` where the invariant holds, and its name otherwise.
pub(crate) fn holds(holds: bool, invariant: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(invariant) }
}

impl Engine {
    /// Checks every invariant of every market.
    ///
    /// # Errors
    /// The first one that does not hold. That is a bug of this crate, or of the machine.
    pub fn audit(&self) -> Result<(), Broken> {
        let agree = self.ids.iter().eq(self.books.iter().map(|book| &book.head.market));
        holds(agree, "the list of ids is that of the markets")
            .map_err(|invariant| Broken { market: None, invariant })?;
        self.books.iter().try_for_each(Book::audit)
    }
}

impl Book {
    /// Checks every invariant of this market.
    ///
    /// # Errors
    /// The first one that does not hold.
    pub fn audit(&self) -> Result<(), Broken> {
        let broken = |invariant| Broken { market: Some(self.head.market), invariant };
        self.audit_all().map_err(broken)
    }

    pub(crate) fn audit_all(&self) -> Result<(), &'static str> {
        let seen = self.audit_side(Side::Buy)?.saturating_add(self.audit_side(Side::Sell)?);
        let waiting = self.buys.waiting.saturating_add(self.sells.waiting);
        holds(
            self.arena.live() == seen.saturating_add(waiting),
            "every live order either rests or waits",
        )?;
        holds(
            self.arena.live() <= self.head.spec.limits.orders_max,
            "orders_max bounds the orders",
        )?;
        let live = usize::try_from(self.arena.live()).unwrap_or(usize::MAX);
        holds(self.index.len() == live, "the index holds the live orders and no other")?;
        let handles: Vec<Handle> = self.arena.handles().collect();
        // By itself, so that many of these far reads are on their way at once.
        let found = handles.iter().all(|at| self.find(self.arena.order(*at).id) == Some(*at));
        holds(found, "the index finds every live order")?;
        handles.iter().try_for_each(|handle| self.audit_order(*handle))?;
        let places = handles.iter().map(|handle| self.arena.places(*handle));
        let extra = places.map(|places| places.saturating_sub(1)).sum();
        holds(self.owners.extra() == extra, "the places of icebergs are those of their parts")?;
        let registered = self.owners.register().is_none_or(|register| register.check(&self.arena));
        holds(registered, "the register of owners is that of the orders")?;
        let count = |until: fn(&Until) -> bool| {
            handles.iter().filter(|handle| until(&self.arena.until(**handle))).count()
        };
        let agree = self.expiries.len() == count(|u| matches!(u, Until::Time(_)))
            && self.last_epochs.len() == count(|u| matches!(u, Until::Epoch(_)))
            && self.stops.len() == usize::try_from(waiting).unwrap_or(usize::MAX)
            && self.expiries.check()
            && self.last_epochs.check()
            && self.stops.check();
        holds(agree, "expiries, last epochs and stops are those of the live orders")?;
        let mut priorities: Vec<_> =
            handles.iter().map(|handle| self.arena.order(*handle).priority).collect();
        priorities.sort_unstable();
        let unique = priorities.windows(2).all(|pair| pair.first() != pair.last());
        let below = priorities.last().is_none_or(|last| *last < self.head.next_priority);
        holds(unique && below, "priorities are unique and below the next one")?;
        holds(self.window.check(), "the request window finds what it remembers")?;
        holds(self.blocked.is_sorted(), "blocked accounts ascend")?;
        self.audit_phase()
    }

    fn audit_phase(&self) -> Result<(), &'static str> {
        match self.head.phase {
            Phase::Continuous => {
                holds(!self.is_crossed(), "a book in Continuous is not crossed")?;
                holds(!self.holds_market_orders(), "no market order rests in Continuous")
            }
            Phase::Closed => holds(self.arena.live() == 0, "a closed market holds no orders"),
            Phase::Call | Phase::Halted => Ok(()),
        }
    }

    /// Checks one side's levels and queues, and counts its orders.
    fn audit_side(&self, side: Side) -> Result<u32, &'static str> {
        let ladder = self.ladder(side);
        let mut sums = SideSummary::default();
        let mut levels = 0_usize;
        let mut last = None;
        self.audit_level(side, (ladder.unpriced(), ladder.unpriced_open()), &mut sums)?;
        for (level, held) in ladder.open_levels() {
            self.audit_level(side, (level, held), &mut sums)?;
            holds(level.orders != 0, "no level is empty")?;
            let better = last.is_none_or(|last| match side {
                Side::Buy => level.price < last,
                Side::Sell => level.price > last,
            });
            holds(better, "levels come best first")?;
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
            holds(order.side == side, "an order stands on its own side")?;
            holds(last.is_none_or(|p| p < order.priority), "a queue is in the order of priority")?;
            let own = || Some(ladder.price(order));
            let stated = self.arena.kind(handle).map_or_else(own, |kind| kind.price());
            let priced = stated.is_none_or(|price| price == level.price);
            holds(priced, "an order stands at its own price")?;
            holds(!order.shown.is_zero(), "every order in a queue shows something")?;
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
        let stands = self.arena.order(handle).level().is_some();
        holds(stands == order.kind.stop().is_none(), "stops wait and everything else rests")?;
        if let Some(stop) = order.kind.stop() {
            let held = self.stops.holds(order.side, stop, order.priority, handle);
            holds(held, "a waiting stop is among the stops")?;
        }
        let noted = match order.until {
            Until::Time(time) => self.expiries.key(handle.0) == Some((time.0, order.priority.0)),
            Until::Epoch(epoch) => {
                self.last_epochs.key(handle.0) == Some((epoch.0, order.priority.0))
            }
            Until::Cancelled | Until::Immediate | Until::Filled => true,
        };
        holds(noted, "an order's end is noted")?;
        self.check_record(&order)
    }

    /// What must hold of a live order by itself.
    pub(crate) fn check_record(&self, order: &OrderRecord) -> Result<(), &'static str> {
        let spec = &self.head.spec;
        let waits = order.kind.stop().is_some();
        let priced = order.kind.price().is_some();
        let now_or_never = matches!(order.until, Until::Immediate | Until::Filled);
        let open = !order.open.is_zero() && order.open <= spec.quantity_max;
        holds(open, "an order's open quantity is from 1 to quantity_max")?;
        let hidden = order.open.0.checked_sub(order.shown.0);
        let shown = match (waits, order.display_quantity) {
            (true, _) => order.shown.is_zero(),
            (false, None) => hidden == Some(0),
            (false, Some(display)) => (1..=display.0).contains(&order.shown.0) && hidden.is_some(),
        };
        holds(shown, "an order shows all of itself, an iceberg at most its display quantity")?;
        if let (Some(display), Some(hidden)) = (order.display_quantity, hidden) {
            let divisible = !display.is_zero()
                && hidden.div_ceil(display.0) <= u64::from(spec.limits.parts_max);
            holds(divisible && priced && !now_or_never, "an iceberg has a legal number of parts")?;
        }
        let minimum = order.minimum_quantity.is_none_or(|minimum| {
            waits && order.until == Until::Immediate && 0 < minimum.0 && minimum <= order.open
        });
        holds(minimum, "only an IOC stop keeps a minimum, from 1 to its quantity")?;
        holds(waits || !now_or_never, "no IOC or FOK order rests")?;
        holds(
            !order.post_only || (!waits && priced && !now_or_never),
            "only a resting limit order is post-only",
        )?;
        let prices = [order.kind.price(), order.kind.stop()];
        let payable = prices.into_iter().flatten().all(|price| spec.is_payable(price));
        holds(payable, "quantity_max at an order's price stays within 2^94")?;
        let ends = match order.until {
            Until::Epoch(last) => last >= self.head.epoch,
            Until::Cancelled | Until::Immediate | Until::Filled | Until::Time(_) => true,
        };
        holds(ends, "no order's last epoch is over")
    }
}
