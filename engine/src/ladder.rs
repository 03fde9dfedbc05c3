//! One side of a book: prices lead to levels, the best first, and a level is a queue of orders.
//!
//! The queue's links live in the orders themselves, so every change goes through the arena that
//! holds them. Market orders that rest in Call have no price; they queue in a level of their own.

use crate::arena::{Arena, Handle, Order, Seat, slot};
use crate::quantity::{Price, Quantity, Side};
use crate::rungs::Rungs;

/// The level of the market orders.
const UNPRICED: u32 = 0;

/// The orders of one price, oldest first. What they hide stands beside it: few markets have icebergs,
/// and two levels fit a line of the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) price: Price,
    pub(crate) head: Handle,
    tail: Handle,
    pub(crate) orders: u32,
    /// The sum of what the orders show.
    pub(crate) shown: Quantity,
}

impl Level {
    const fn new(price: Price) -> Self {
        Self { price, head: Handle::NONE, tail: Handle::NONE, orders: 0, shown: Quantity::ZERO }
    }
}

/// One side's levels.
#[derive(Debug)]
pub(crate) struct Ladder {
    /// What turns prices into keys.
    mask: u64,
    prices: Rungs,
    levels: Vec<Level>,
    /// What the orders of each level hide, up to the last level where any ever did.
    hidden: Vec<Quantity>,
    free: Vec<u32>,
}

#[expect(clippy::indexing_slicing, reason = "a level's number names a slot; bounds are checked")]
impl Ladder {
    pub(crate) fn new(side: Side) -> Self {
        let unpriced = Level::new(Price(0));
        // The sign is turned round, so that keys ascend as prices do; the bids' are complemented.
        let mask = match side {
            Side::Buy => u64::MAX >> 1,
            Side::Sell => 1 << 63,
        };
        let (levels, hidden, free) = (vec![unpriced], Vec::new(), Vec::new());
        Self { mask, prices: Rungs::default(), levels, hidden, free }
    }

    /// Prices as keys, the best the smallest.
    const fn key(&self, price: Price) -> u64 {
        price.0.cast_unsigned() ^ self.mask
    }

    fn level(&self, level: u32) -> &Level {
        &self.levels[slot(level)]
    }

    /// What the orders of a level hold, hidden parts included.
    fn open(&self, level: u32) -> Quantity {
        let hidden = self.hidden.get(slot(level)).copied().unwrap_or(Quantity::ZERO);
        self.level(level).shown.plus(hidden)
    }

    /// Sets off what the orders of a level hide.
    #[inline]
    fn hide(&mut self, level: u32, less: Quantity, more: Quantity) {
        // Nearly all orders hide nothing.
        if less.is_zero() && more.is_zero() {
            return;
        }
        let level = slot(level);
        if self.hidden.len() <= level {
            self.hidden.resize(level.saturating_add(1), Quantity::ZERO);
        }
        let hidden = &mut self.hidden[level];
        *hidden = hidden.minus(less).plus(more);
    }

    /// The queue of the market orders.
    pub(crate) fn unpriced(&self) -> &Level {
        self.level(UNPRICED)
    }

    /// The best level.
    #[inline]
    pub(crate) fn best(&self) -> Option<&Level> {
        self.prices.first().map(|(_, level)| self.level(level))
    }

    /// Whether an order at the best price hides something.
    #[inline]
    pub(crate) fn best_hides(&self) -> bool {
        let hidden = self.prices.first().and_then(|(_, level)| self.hidden.get(slot(level)));
        hidden.is_some_and(|hidden| !hidden.is_zero())
    }

    /// Whether an order of the other side with this limit would meet somebody here.
    #[inline]
    pub(crate) fn is_met_by(&self, limit: Price) -> bool {
        self.prices.first().is_some_and(|(best, _)| best <= self.key(limit))
    }

    /// The price at which an order queues, or stands apart.
    #[inline]
    pub(crate) fn price(&self, order: &Order) -> Price {
        order.level().map_or(Price(0), |level| self.level(level).price)
    }

    /// The level of a price.
    pub(crate) fn at(&self, price: Price) -> Option<&Level> {
        self.prices.get(self.key(price)).map(|level| self.level(level))
    }

    /// The levels, best first.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &Level> {
        self.prices.entries().map(|(_, level)| self.level(level))
    }

    /// The levels, best first, each with its number and what its orders hold, hidden parts included.
    pub(crate) fn open_levels(&self) -> impl Iterator<Item = (u32, &Level, Quantity)> {
        self.prices.entries().map(|(_, level)| (level, self.level(level), self.open(level)))
    }

    /// What the market orders hold.
    pub(crate) fn unpriced_open(&self) -> Quantity {
        self.open(UNPRICED)
    }

    /// How many prices have a level.
    pub(crate) const fn len(&self) -> usize {
        self.prices.len()
    }

    /// The orders of a level, oldest first.
    pub(crate) fn queue<'a>(
        &self,
        arena: &'a Arena,
        level: &Level,
    ) -> impl Iterator<Item = Handle> + use<'a> {
        let some = |handle: Handle| (handle != Handle::NONE).then_some(handle);
        core::iter::successors(some(level.head), move |at| some(arena.order(*at).next))
    }

    /// Makes room for an order at the tail of the queue of its price, or of the market orders, and
    /// says where: its level and the order before it.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        arena: &mut Arena,
        handle: Handle,
        price: Option<Price>,
        (shown, hidden): (Quantity, Quantity),
    ) -> Seat {
        let number = price.map_or(UNPRICED, |price| self.level_for(price));
        let level = &mut self.levels[slot(number)];
        level.orders = level.orders.saturating_add(1);
        level.shown = level.shown.plus(shown);
        let previous = core::mem::replace(&mut level.tail, handle);
        if previous == Handle::NONE {
            level.head = handle;
        } else {
            arena.order_mut(previous).next = handle;
        }
        self.hide(number, Quantity::ZERO, hidden);
        Seat { level: number, previous }
    }

    /// Takes an order, and what it shows and hides, out of its queue, and its level with it where it
    /// was the last one. Says the level's price.
    #[inline]
    pub(crate) fn dismiss(
        &mut self,
        arena: &mut Arena,
        Seat { level: number, previous }: Seat,
        next: Handle,
        (shown, hidden): (Quantity, Quantity),
    ) -> Price {
        let level = &mut self.levels[slot(number)];
        let price = level.price;
        level.orders = level.orders.saturating_sub(1);
        level.shown = level.shown.minus(shown);
        if previous == Handle::NONE {
            level.head = next;
        } else {
            arena.order_mut(previous).next = next;
        }
        if next == Handle::NONE {
            level.tail = previous;
        } else {
            arena.order_mut(next).previous = previous;
        }
        let empty = level.orders == 0;
        self.hide(number, hidden, Quantity::ZERO);
        if empty && number != UNPRICED {
            self.close_level(number, price);
        }
        price
    }

    /// Sets what an order shows and hides, where it stands in its queue.
    #[inline]
    pub(crate) fn resize(
        &mut self,
        arena: &mut Arena,
        handle: Handle,
        shown: Quantity,
        hidden: Quantity,
    ) {
        let order = arena.order(handle);
        let Some(number) = order.level() else { return };
        let level = &mut self.levels[slot(number)];
        level.shown = level.shown.minus(order.shown).plus(shown);
        self.hide(number, arena.hidden(handle), hidden);
        arena.resize(handle, shown, hidden);
    }

    fn close_level(&mut self, number: u32, price: Price) {
        self.prices.remove(self.key(price));
        self.free.push(number);
    }

    /// The level of a price, opened if there is none.
    #[inline]
    fn level_for(&mut self, price: Price) -> u32 {
        let key = self.key(price);
        let best = self.prices.first();
        if let Some((best, level)) = best
            && best == key
        {
            return level;
        }
        // At and before the best nothing is searched.
        let leads = best.is_none_or(|(best, _)| key < best);
        if !leads && let Some(level) = self.prices.get(key) {
            return level;
        }
        let number = self.open_level(price);
        self.prices.insert(key, number);
        number
    }

    fn open_level(&mut self, price: Price) -> u32 {
        let level = Level::new(price);
        if let Some(number) = self.free.pop() {
            self.levels[slot(number)] = level;
            return number;
        }
        self.levels.push(level);
        u32::try_from(self.levels.len().wrapping_sub(1)).unwrap_or(u32::MAX)
    }
}
