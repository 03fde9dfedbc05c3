//! One side of a book: a map from prices to levels, best first. A level is a queue of orders.
//!
//! The queue's links are in the orders themselves, so every change goes through the arena that
//! holds them. Market orders that rest in Call have no price; they queue in a level of their own.

use crate::arena::{Arena, Handle, Order, QueuePosition, slot};
use crate::price_map::PriceMap;
use crate::quantity::{Price, Quantity, Side};

/// The level of market orders, which have no price.
const UNPRICED: u32 = 0;

/// The orders at one price, oldest first. Their hidden quantity is stored elsewhere, because few
/// markets have icebergs and two levels then fit in a cache line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) price: Price,
    pub(crate) head: Handle,
    tail: Handle,
    pub(crate) orders: u32,
    /// The sum of the orders' shown quantities.
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
    /// Converts prices to keys.
    mask: u64,
    prices: PriceMap,
    levels: Vec<Level>,
    /// The hidden quantity of each level, up to the last level in which an order ever hid anything.
    hidden: Vec<Quantity>,
    free: Vec<u32>,
}

#[expect(clippy::indexing_slicing, reason = "a level's number names a slot; bounds are checked")]
impl Ladder {
    pub(crate) fn new(side: Side) -> Self {
        let unpriced = Level::new(Price(0));
        // The sign bit is flipped, so that keys ascend like prices. The keys of bids are
        // complemented.
        let mask = match side {
            Side::Buy => u64::MAX >> 1,
            Side::Sell => 1 << 63,
        };
        let (levels, hidden, free) = (vec![unpriced], Vec::new(), Vec::new());
        Self { mask, prices: PriceMap::default(), levels, hidden, free }
    }

    /// Converts a price to a key. The best price has the smallest key.
    const fn key(&self, price: Price) -> u64 {
        price.0.cast_unsigned() ^ self.mask
    }

    fn level(&self, level: u32) -> &Level {
        &self.levels[slot(level)]
    }

    /// The open quantity of a level's orders, hidden parts included.
    fn open(&self, level: u32) -> Quantity {
        let hidden = self.hidden.get(slot(level)).copied().unwrap_or(Quantity::ZERO);
        self.level(level).shown.plus(hidden)
    }

    /// Changes the hidden quantity of a level: subtracts `less` and adds `more`.
    #[inline]
    fn change_hidden(&mut self, level: u32, less: Quantity, more: Quantity) {
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

    /// Returns `true` if an order at the best price has a hidden part.
    #[inline]
    pub(crate) fn best_has_hidden(&self) -> bool {
        let hidden = self.prices.first().and_then(|(_, level)| self.hidden.get(slot(level)));
        hidden.is_some_and(|hidden| !hidden.is_zero())
    }

    /// Returns `true` if an order on the other side with this limit would meet an order here.
    #[inline]
    pub(crate) fn is_reached_by(&self, limit: Price) -> bool {
        self.prices.first().is_some_and(|(best, _)| best <= self.key(limit))
    }

    /// The price of the level in which an order queues; zero if it is in no queue.
    #[inline]
    pub(crate) fn price(&self, order: &Order) -> Price {
        order.level().map_or(Price(0), |level| self.level(level).price)
    }

    /// The level at a price, if there is one.
    pub(crate) fn at(&self, price: Price) -> Option<&Level> {
        self.prices.get(self.key(price)).map(|level| self.level(level))
    }

    /// The levels, best first.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &Level> {
        self.prices.entries().map(|(_, level)| self.level(level))
    }

    /// The levels, best first, each with its number and its open quantity, hidden parts included.
    pub(crate) fn open_levels(&self) -> impl Iterator<Item = (u32, &Level, Quantity)> {
        self.prices.entries().map(|(_, level)| (level, self.level(level), self.open(level)))
    }

    /// The open quantity of the market orders.
    pub(crate) fn unpriced_open(&self) -> Quantity {
        self.open(UNPRICED)
    }

    /// The number of levels that have a price.
    pub(crate) const fn len(&self) -> usize {
        self.prices.len()
    }

    /// The orders in a level, oldest first.
    pub(crate) fn queue<'a>(
        &self,
        arena: &'a Arena,
        level: &Level,
    ) -> impl Iterator<Item = Handle> + use<'a> {
        let some = |handle: Handle| (handle != Handle::NONE).then_some(handle);
        core::iter::successors(some(level.head), move |at| some(arena.order(*at).next))
    }

    /// Adds an order to the end of the queue of its price, or of the market orders. Returns its
    /// level and the order ahead of it.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        arena: &mut Arena,
        handle: Handle,
        price: Option<Price>,
        (shown, hidden): (Quantity, Quantity),
    ) -> QueuePosition {
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
        self.change_hidden(number, Quantity::ZERO, hidden);
        QueuePosition { level: number, previous }
    }

    /// Removes an order and its shown and hidden quantities from its queue, and closes the level if
    /// it is then empty. Returns the level's price.
    #[inline]
    pub(crate) fn remove(
        &mut self,
        arena: &mut Arena,
        QueuePosition { level: number, previous }: QueuePosition,
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
        self.change_hidden(number, hidden, Quantity::ZERO);
        if empty && number != UNPRICED {
            self.close_level(number, price);
        }
        price
    }

    /// Sets the shown and hidden quantities of an order, which keeps its place in the queue.
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
        self.change_hidden(number, arena.hidden(handle), hidden);
        arena.resize(handle, shown, hidden);
    }

    fn close_level(&mut self, number: u32, price: Price) {
        self.prices.remove(self.key(price));
        self.free.push(number);
    }

    /// Returns the level at a price, and opens it if there is none.
    #[inline]
    fn level_for(&mut self, price: Price) -> u32 {
        let key = self.key(price);
        let best = self.prices.first();
        if let Some((best, level)) = best
            && best == key
        {
            return level;
        }
        // At the best price or ahead of it, no search is needed.
        let is_best = best.is_none_or(|(best, _)| key < best);
        if !is_best && let Some(level) = self.prices.get(key) {
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
