//! The levels of one side in chunks, so that a frozen book stays the same while the image changes.
//!
//! A clone shares every chunk, so it takes time that grows with the number of chunks. If a chunk changes
//! while a clone shares it, only that chunk is copied, and only then. Each chunk has a summary of what it
//! holds. So the quantity at a price is found without reading all chunks.
//!
//! A subscription or a large view shares the chunks while it holds the lock, and reads them without the
//! lock. So the time for which it holds the lock grows with the number of chunks, about a 32nd of the
//! number of levels. A public client that subscribes again and again does not delay answers.

use std::sync::Arc;

use pricetime_engine::{Level, Price, Quantity, Side};

/// The most levels that a chunk holds.
const CHUNK: usize = 64;

/// How good a price is for the other side. The best level of a side has its highest rank.
type Rank = i64;

/// A level.
#[derive(Clone, Copy, Debug)]
struct Entry {
    rank: Rank,
    shown: Quantity,
    hidden: Quantity,
    orders: u32,
}

/// The summary of a chunk.
#[derive(Clone, Copy, Debug)]
struct ChunkSummary {
    /// The rank of its best level.
    best: Rank,
    /// The open quantity of its orders, hidden parts included.
    open: Quantity,
}

/// The levels of a side, worst first.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    side: Side,
    summaries: Vec<ChunkSummary>,
    chunks: Vec<Arc<Vec<Entry>>>,
    count: usize,
    /// The number of all orders, and their open quantity.
    orders: u32,
    open: Quantity,
}

/// A level and the open quantity of its orders, hidden parts included.
pub(super) type OpenLevel = (Level, Quantity);

impl Levels {
    pub(super) const fn new(side: Side) -> Self {
        let summaries = Vec::new();
        Self { side, summaries, chunks: Vec::new(), count: 0, orders: 0, open: Quantity::ZERO }
    }

    /// Adds an order at this price.
    pub(super) fn add(&mut self, price: Price, shown: Quantity, hidden: Quantity) {
        let rank = self.rank(price);
        let (at, place) = self.place(rank);
        let Some(chunk) = self.chunks.get_mut(at).map(Arc::make_mut) else {
            let entry = Entry { rank, shown, hidden, orders: 1 };
            self.chunks.push(Arc::new(vec![entry]));
            self.summaries.push(ChunkSummary { best: rank, open: Quantity::ZERO });
            self.count += 1;
            return self.adjust_totals(at, 1, shown, hidden);
        };
        match place {
            Ok(place) => {
                if let Some(entry) = chunk.get_mut(place) {
                    entry.shown = wrapping_add(entry.shown, shown);
                    entry.hidden = wrapping_add(entry.hidden, hidden);
                    entry.orders = entry.orders.saturating_add(1);
                }
            }
            Err(place) => {
                chunk.insert(place, Entry { rank, shown, hidden, orders: 1 });
                self.count += 1;
            }
        }
        self.adjust_totals(at, 1, shown, hidden);
        self.split(at);
    }

    /// Removes an order at this price.
    pub(super) fn take(&mut self, price: Price, shown: Quantity, hidden: Quantity) {
        let (at, Ok(place)) = self.place(self.rank(price)) else { return };
        let Some(chunk) = self.chunks.get_mut(at).map(Arc::make_mut) else { return };
        let Some(entry) = chunk.get_mut(place) else { return };
        entry.shown = wrapping_sub(entry.shown, shown);
        entry.hidden = wrapping_sub(entry.hidden, hidden);
        entry.orders = entry.orders.saturating_sub(1);
        if entry.orders == 0 {
            chunk.remove(place);
            self.count -= 1;
        }
        let none = Quantity::ZERO;
        self.adjust_totals(at, -1, wrapping_sub(none, shown), wrapping_sub(none, hidden));
        if self.chunks.get(at).is_some_and(|chunk| chunk.is_empty()) {
            self.chunks.remove(at);
            self.summaries.remove(at);
        }
    }

    /// Changes the quantity that an order at this price shows. The order hides nothing.
    pub(super) fn resize(&mut self, price: Price, before: Quantity, now: Quantity) {
        let (at, Ok(place)) = self.place(self.rank(price)) else { return };
        let (Some(chunk), Some(summary)) = (self.chunks.get_mut(at), self.summaries.get_mut(at))
        else {
            return;
        };
        let Some(entry) = Arc::make_mut(chunk).get_mut(place) else { return };
        for sum in [&mut entry.shown, &mut summary.open, &mut self.open] {
            *sum = wrapping_add(wrapping_sub(*sum, before), now);
        }
    }

    /// Returns the level at this price, if there is one.
    pub(super) fn get(&self, price: Price) -> Option<Level> {
        let (at, place) = self.place(self.rank(price));
        let entry = self.chunks.get(at)?.get(place.ok()?)?;
        Some(self.open(entry).0)
    }

    /// How many levels there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Returns the number of orders in all levels, and their open quantity, hidden parts included.
    pub(super) const fn total(&self) -> (u32, Quantity) {
        (self.orders, self.open)
    }

    /// Returns the levels, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Level> {
        let entries = self.chunks.iter().rev().flat_map(|chunk| chunk.iter().rev());
        entries.map(|entry| self.open(entry).0)
    }

    /// Returns, for each chunk, the open quantity of it and all chunks after it. A zero follows.
    pub(super) fn sums(&self) -> Vec<Quantity> {
        let mut sums = vec![Quantity::ZERO; self.summaries.len() + 1];
        let mut sum = Quantity::ZERO;
        for (summary, into) in self.summaries.iter().zip(&mut sums).rev() {
            sum = wrapping_add(sum, summary.open);
            *into = sum;
        }
        sums
    }

    /// Returns the open quantity that trades at this price: that of all levels at least as good. `sums`
    /// is the result of [`sums`](Self::sums).
    pub(super) fn tradable(&self, price: Price, sums: &[Quantity]) -> Quantity {
        let rank = self.rank(price);
        let at = self.summaries.partition_point(|summary| summary.best < rank);
        let Some(chunk) = self.chunks.get(at) else { return Quantity::ZERO };
        let better = sums.get(at + 1).copied().unwrap_or_default();
        let own = chunk.iter().rev().take_while(|entry| entry.rank >= rank);
        own.fold(better, |sum, entry| wrapping_add(sum, self.open(entry).1))
    }

    /// Returns the levels that are worse than this price, nearest first.
    pub(super) fn worse(&self, price: Price) -> impl Iterator<Item = OpenLevel> {
        let (at, place) = self.find_at_or_better(price);
        let own = self.chunks.get(at).and_then(|chunk| chunk.get(..place)).unwrap_or_default();
        let rest = self.chunks.iter().take(at).rev().flat_map(|chunk| chunk.iter().rev());
        own.iter().rev().chain(rest).map(|entry| self.open(entry))
    }

    /// Returns the levels that are at least as good as this price, nearest first.
    pub(super) fn at_or_better(&self, price: Price) -> impl Iterator<Item = OpenLevel> {
        let (at, place) = self.find_at_or_better(price);
        let own = self.chunks.get(at).and_then(|chunk| chunk.get(place..)).unwrap_or_default();
        let rest = self.chunks.iter().skip(at + 1).flat_map(|chunk| chunk.iter());
        own.iter().chain(rest).map(|entry| self.open(entry))
    }

    /// Returns the place of the first level that is at least as good as this price.
    fn find_at_or_better(&self, price: Price) -> (usize, usize) {
        let rank = self.rank(price);
        let at = self.summaries.partition_point(|summary| summary.best < rank);
        let chunk = self.chunks.get(at);
        (at, chunk.map_or(0, |chunk| chunk.partition_point(|entry| entry.rank < rank)))
    }

    /// Returns the chunk in which a rank is, or would be, and the place in that chunk.
    fn place(&self, rank: Rank) -> (usize, Result<usize, usize>) {
        let at = self.summaries.partition_point(|summary| summary.best < rank);
        // A rank better than all others belongs at the end of the last chunk.
        let at = at.min(self.chunks.len().saturating_sub(1));
        let chunk = self.chunks.get(at).map(Arc::as_ref);
        let found = chunk.map_or(Err(0), |it| it.binary_search_by_key(&rank, |entry| entry.rank));
        (at, found)
    }

    /// Counts an order in (`1`) or out (`-1`).
    fn adjust_totals(&mut self, at: usize, orders: i32, shown: Quantity, hidden: Quantity) {
        let open = wrapping_add(shown, hidden);
        self.orders = self.orders.wrapping_add_signed(orders);
        self.open = wrapping_add(self.open, open);
        if let (Some(summary), Some(chunk)) = (self.summaries.get_mut(at), self.chunks.get(at)) {
            summary.open = wrapping_add(summary.open, open);
            summary.best = chunk.last().map_or(summary.best, |entry| entry.rank);
        }
    }

    /// Halves a chunk that has too many levels.
    fn split(&mut self, at: usize) {
        let Some(chunk) = self.chunks.get_mut(at).filter(|chunk| chunk.len() > CHUNK) else {
            return;
        };
        let better = Arc::make_mut(chunk).split_off(CHUNK / 2);
        let worse = chunk.last().map(|entry| entry.rank);
        let open = better.iter().fold(Quantity::ZERO, |sum, entry| {
            wrapping_add(sum, wrapping_add(entry.shown, entry.hidden))
        });
        if let (Some(summary), Some(worse)) = (self.summaries.get_mut(at), worse) {
            let best = std::mem::replace(&mut summary.best, worse);
            summary.open = wrapping_sub(summary.open, open);
            self.summaries.insert(at + 1, ChunkSummary { best, open });
            self.chunks.insert(at + 1, Arc::new(better));
        }
    }

    const fn rank(&self, price: Price) -> Rank {
        match self.side {
            Side::Buy => price.0,
            Side::Sell => !price.0,
        }
    }

    fn open(&self, entry: &Entry) -> OpenLevel {
        let price = match self.side {
            Side::Buy => Price(entry.rank),
            Side::Sell => Price(!entry.rank),
        };
        let level = Level { price, quantity: entry.shown, orders: entry.orders };
        (level, wrapping_add(entry.shown, entry.hidden))
    }
}

const fn wrapping_add(sum: Quantity, more: Quantity) -> Quantity {
    Quantity(sum.0.wrapping_add(more.0))
}

const fn wrapping_sub(sum: Quantity, less: Quantity) -> Quantity {
    Quantity(sum.0.wrapping_sub(less.0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::Random;

    /// Returns the levels of a map from prices to shown and open quantities and orders, best first.
    fn listed(side: Side, map: &BTreeMap<i64, (u64, u64, u32)>) -> Vec<OpenLevel> {
        let level = |(price, &(shown, open, orders)): (&i64, &(u64, u64, u32))| {
            let level = Level { price: Price(*price), quantity: Quantity(shown), orders };
            (level, Quantity(open))
        };
        let mut all: Vec<_> = map.iter().map(level).collect();
        if side == Side::Buy {
            all.reverse();
        }
        all
    }

    fn check(side: Side, levels: &Levels, map: &BTreeMap<i64, (u64, u64, u32)>, price: Price) {
        let all = listed(side, map);
        assert!(levels.iter().eq(all.iter().map(|(level, _)| *level)));
        assert_eq!(levels.len(), all.len());
        let open = all.iter().map(|(_, open)| open.0).sum();
        assert_eq!(levels.total(), (map.values().map(|it| it.2).sum(), Quantity(open)));
        let found = all.iter().map(|(level, _)| *level).find(|level| level.price == price);
        assert_eq!(levels.get(price), found);
        let is_good = |(level, _): &OpenLevel| match side {
            Side::Buy => level.price >= price,
            Side::Sell => level.price <= price,
        };
        let (good, worse): (Vec<_>, Vec<_>) = all.into_iter().partition(is_good);
        assert!(levels.worse(price).eq(worse));
        assert!(levels.at_or_better(price).eq(good.iter().rev().copied()));
        let open = good.iter().map(|(_, open)| open.0).sum();
        assert_eq!(levels.tradable(price, &levels.sums()), Quantity(open));
    }

    #[test]
    fn levels_agree_with_a_map_and_a_clone_does_not_change() {
        for side in [Side::Buy, Side::Sell] {
            let (mut levels, mut map) = (Levels::new(side), BTreeMap::new());
            let mut kept: Vec<(Levels, BTreeMap<_, _>)> = Vec::new();
            let (mut orders, mut random) = (Vec::new(), Random::new(7));
            for round in 0..6_000_u64 {
                let chance = random.bits();
                // First it grows to some hundred levels, then it shrinks to none.
                if chance % 10 < if round < 3_000 { 8 } else { 2 } || orders.is_empty() {
                    let price = (chance >> 8) as i64 % 500 - 250;
                    let (shown, hidden) = (1 + chance % 9, (chance >> 4) % 3);
                    levels.add(Price(price), Quantity(shown), Quantity(hidden));
                    let level = map.entry(price).or_insert((0, 0, 0));
                    *level = (level.0 + shown, level.1 + shown + hidden, level.2 + 1);
                    orders.push((price, shown, hidden));
                } else {
                    let gone = (chance >> 8) as usize % orders.len();
                    let (price, shown, hidden) = orders.swap_remove(gone);
                    levels.take(Price(price), Quantity(shown), Quantity(hidden));
                    let level = map.get_mut(&price).expect("a level");
                    *level = (level.0 - shown, level.1 - shown - hidden, level.2 - 1);
                    map.retain(|_, level| level.2 > 0);
                }
                // An order that hides nothing shows more than before.
                let plain = orders.iter_mut().rfind(|(_, _, hidden)| *hidden == 0);
                if let Some((price, shown, _)) = plain {
                    levels.resize(Price(*price), Quantity(*shown), Quantity(*shown + 2));
                    *shown += 2;
                    let level = map.get_mut(price).expect("a level");
                    *level = (level.0 + 2, level.1 + 2, level.2);
                }
                if round % 50 == 0 {
                    let price = Price((chance >> 16) as i64 % 600 - 300);
                    check(side, &levels, &map, price);
                    kept.push((levels.clone(), map.clone()));
                }
            }
            for (levels, map) in &kept {
                check(side, levels, map, Price(0));
            }
            assert!(kept.iter().any(|(levels, _)| levels.chunks.len() > 4));
        }
    }

    #[test]
    fn clone_copies_no_level() {
        let mut levels = Levels::new(Side::Buy);
        for price in 0..1_000 {
            levels.add(Price(price), Quantity(1), Quantity::ZERO);
        }
        let before = levels.clone();
        let shared = |now: &Levels| {
            let pairs = now.chunks.iter().zip(&before.chunks);
            pairs.filter(|(now, before)| Arc::ptr_eq(now, before)).count()
        };
        assert_eq!(shared(&levels), levels.chunks.len());
        levels.take(Price(500), Quantity(1), Quantity::ZERO);
        assert_eq!(shared(&levels), levels.chunks.len() - 1, "one chunk has changed");
    }

    #[test]
    fn lowest_and_highest_possible_prices_are_stored() {
        for side in [Side::Buy, Side::Sell] {
            let (mut levels, mut map) = (Levels::new(side), BTreeMap::new());
            for price in [i64::MAX, i64::MIN, 0] {
                levels.add(Price(price), Quantity(2), Quantity(1));
                map.insert(price, (2, 3, 1));
            }
            for price in [i64::MIN, -1, 0, 1, i64::MAX] {
                check(side, &levels, &map, Price(price));
            }
        }
    }
}
