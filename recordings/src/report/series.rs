//! Values over time in constant memory.

use pricetime_engine::{Book, Level, Phase, Price, Quantity, Side};

/// The number of levels whose quantity is shown.
pub(super) const LEVELS: usize = 5;

/// What happened in an interval.
pub(super) trait Interval: Default {
    /// The number of intervals after which each two become one.
    const MOST: usize;

    /// Adds what happened in the next interval.
    fn append(&mut self, next: &Self);
}

/// Intervals in the order of their times. If there are too many, their length doubles.
#[derive(Debug)]
pub(super) struct Series<T> {
    /// The length of the intervals is 2 to the power of this.
    shift: u32,
    /// Each with its key: it begins at the key times the length.
    intervals: Vec<(u64, T)>,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self { shift: 0, intervals: Vec::new() }
    }
}

impl<T: Interval> Series<T> {
    /// The interval of a position, which is not below that of the last call.
    pub(super) fn at(&mut self, position: u64) -> &mut T {
        if self.intervals.last().is_none_or(|(last, _)| *last < position >> self.shift) {
            while self.intervals.len() >= T::MOST {
                self.double();
            }
            let key = position >> self.shift;
            if self.intervals.last().is_none_or(|(last, _)| *last < key) {
                self.intervals.push((key, T::default()));
            }
        }
        let last = self.intervals.len() - 1;
        &mut self.intervals[last].1
    }

    /// The intervals with the positions at which they begin.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> + Clone {
        self.intervals.iter().map(|(key, interval)| (key << self.shift, interval))
    }

    /// Makes all intervals one, at this position.
    pub(super) fn collapse(&mut self, position: u64) {
        self.shift = 0;
        self.intervals.iter_mut().for_each(|(key, _)| *key = position);
        self.merge();
    }

    fn double(&mut self) {
        self.shift += 1;
        self.intervals.iter_mut().for_each(|(key, _)| *key >>= 1);
        self.merge();
    }

    fn merge(&mut self) {
        self.intervals.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.append(&next.1);
            }
            same
        });
    }
}

/// What happened in a market.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// The orders, amends and cancels that were accepted.
    pub(super) messages: u64,
    pub(super) trades: u64,
    pub(super) volume: u64,
    /// The lowest, the highest and the last price of a trade.
    pub(super) prices: Option<(Price, Price, Price)>,
    pub(super) book: Option<BookSample>,
    /// The narrowest and the widest spread, in ticks, while the market was Continuous.
    pub(super) spread: Option<(u64, u64)>,
}

/// The top of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BookSample {
    pub(super) bids: SideSample,
    pub(super) asks: SideSample,
    /// `true` if the market was Continuous.
    pub(super) continuous: bool,
    pub(super) spread: Option<u64>,
}

/// The top of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SideSample {
    pub(super) best: Option<Price>,
    /// The shown quantity at the best level.
    pub(super) quantity: u64,
    /// The shown quantity at the best levels together.
    pub(super) depth: u64,
}

impl Bucket {
    /// Adds a trade.
    pub(super) fn trade(&mut self, price: Price, quantity: Quantity) {
        self.trades += 1;
        self.volume = self.volume.saturating_add(quantity.0);
        let (low, high, _) = self.prices.unwrap_or((price, price, price));
        self.prices = Some((low.min(price), high.max(price), price));
    }

    /// Sets the book at the end.
    pub(super) fn sample(&mut self, book: BookSample) {
        self.book = Some(book);
        if let Some(spread) = book.spread {
            let (least, most) = self.spread.unwrap_or((spread, spread));
            self.spread = Some((least.min(spread), most.max(spread)));
        }
    }
}

impl Interval for Bucket {
    const MOST: usize = 2_048;

    fn append(&mut self, next: &Self) {
        self.messages += next.messages;
        self.trades += next.trades;
        self.volume = self.volume.saturating_add(next.volume);
        self.prices = match (self.prices, next.prices) {
            (Some((low, high, _)), Some(it)) => Some((low.min(it.0), high.max(it.1), it.2)),
            (prices, None) | (None, prices) => prices,
        };
        self.book = next.book.or(self.book);
        self.spread = match (self.spread, next.spread) {
            (Some((least, most)), Some(it)) => Some((least.min(it.0), most.max(it.1))),
            (spread, None) | (None, spread) => spread,
        };
    }
}

impl BookSample {
    /// The top of a book.
    pub(super) fn of(book: &Book) -> Self {
        let side = |side| {
            let mut sample = SideSample::default();
            for Level { price, quantity, .. } in book.levels(side).take(LEVELS) {
                if sample.best.is_none() {
                    sample.best = Some(price);
                    sample.quantity = quantity.0;
                }
                sample.depth = sample.depth.saturating_add(quantity.0);
            }
            sample
        };
        let (bids, asks) = (side(Side::Buy), side(Side::Sell));
        let continuous = book.phase() == Phase::Continuous;
        let both = bids.best.zip(asks.best).filter(|(bid, ask)| continuous && bid <= ask);
        let spread = both.map(|(bid, ask)| ask.0.abs_diff(bid.0));
        Self { bids, asks, continuous, spread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_series_keeps_its_sums_in_few_buckets() {
        for (count, step) in
            [(1, 1), (2_048, 1_000_000_007), (300_000, 1_000_000_007), (300_000, 1)]
        {
            let mut series = Series::<Bucket>::default();
            for number in 0..count {
                let bucket = series.at((1 << 60) + number * step);
                bucket.messages += 1;
                bucket.trade(Price(number as i64 % 1_000), Quantity(2));
                bucket.sample(BookSample { spread: Some(number), ..BookSample::default() });
            }
            let buckets: Vec<_> = series.iter().collect();
            assert!(
                buckets.len() <= Bucket::MOST && buckets.len() as u64 >= count.min(1_000),
                "{count}"
            );
            assert!(buckets.is_sorted_by_key(|(position, _)| *position));
            let sum = |of: fn(&Bucket) -> u64| buckets.iter().map(|(_, it)| of(it)).sum::<u64>();
            assert_eq!(
                (sum(|it| it.messages), sum(|it| it.trades), sum(|it| it.volume)),
                (count, count, 2 * count)
            );
            let spreads: Vec<_> = buckets.iter().flat_map(|(_, it)| it.spread).collect();
            assert_eq!((spreads[0].0, spreads[spreads.len() - 1].1), (0, count - 1));
            let lows = buckets.iter().filter_map(|(_, it)| it.prices).map(|it| it.0).min();
            assert_eq!(lows, Some(Price(0)));
        }
    }
}
