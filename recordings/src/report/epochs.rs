//! Epochs with their supply and demand curves.

use std::collections::BTreeMap;

use pricetime_engine::{Book, Price, Side};

/// The number of epochs after which every second one is forgotten.
pub(super) const EPOCHS_MAX: usize = 200;
/// The largest number of points of a curve.
pub(super) const POINTS_MAX: usize = 120;

/// A closed epoch, or an uncross that opened continuous trading.
#[derive(Clone, Debug)]
pub(super) struct Epoch {
    pub(super) number: u64,
    pub(super) position: u64,
    /// `true` if the market entered Continuous.
    pub(super) opens: bool,
    /// `true` if everything traded at one price.
    pub(super) uncross: bool,
    /// The last price, and the number and sum of the trades of the epoch.
    pub(super) price: Option<Price>,
    pub(super) trades: u64,
    pub(super) volume: u128,
    /// The volume of the command that ended the epoch: that of the uncross, if there was one.
    pub(super) cleared: u128,
    /// Demand minus supply at the price of an uncross.
    pub(super) surplus: Option<i128>,
    pub(super) curves: Curves,
}

/// Supply and demand before an epoch closes.
#[derive(Clone, Debug, Default)]
pub(super) struct Curves {
    pub(super) demand: Curve,
    pub(super) supply: Curve,
}

/// One side: prices from the best one on, each with the quantity up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Curve {
    /// The quantity of market orders, which every point includes.
    pub(super) unpriced: u64,
    pub(super) points: Vec<(Price, u64)>,
}

/// The epochs of a market. If there are too many, every second one is forgotten.
#[derive(Debug)]
pub(super) struct Epochs {
    pub(super) kept: Vec<Epoch>,
    /// All epochs and openings so far.
    pub(super) seen: u64,
    /// Every epoch whose number in order is a multiple of this is kept.
    pub(super) stride: u64,
}

impl Default for Epochs {
    fn default() -> Self {
        Self { kept: Vec::new(), seen: 0, stride: 1 }
    }
}

impl Epochs {
    /// Returns `true` if the next epoch will be kept.
    pub(super) const fn wants_next(&self) -> bool {
        self.seen.is_multiple_of(self.stride)
    }

    /// Adds an epoch, if it is to be kept.
    pub(super) fn add(&mut self, epoch: Epoch) {
        if self.wants_next() {
            self.kept.push(epoch);
        }
        self.seen += 1;
        if self.kept.len() > EPOCHS_MAX {
            let mut at = 0;
            self.kept.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
        }
    }
}

impl Curves {
    /// The curves of a book. `hidden` says that it may have icebergs: then all of its orders are read, and
    /// otherwise only its levels.
    pub(super) fn of(book: &Book, hidden: bool) -> Self {
        let call = book.call();
        let unpriced = |side| {
            call.map_or(0, |call| match side {
                Side::Buy => call.market_bids.quantity.0,
                Side::Sell => call.market_asks.quantity.0,
            })
        };
        let [demand, supply] = if hidden {
            let mut sides = [BTreeMap::new(), BTreeMap::new()];
            for order in book.snapshot().resting {
                if let Some(price) = order.kind.price() {
                    let levels: &mut BTreeMap<Price, u64> = &mut sides[order.side as usize];
                    let level = levels.entry(price).or_default();
                    *level = level.saturating_add(order.open.0);
                }
            }
            let [bids, asks] = sides;
            [
                Curve::of(unpriced(Side::Buy), bids.into_iter().rev(), book.depth_of(Side::Buy)),
                Curve::of(unpriced(Side::Sell), asks.into_iter(), book.depth_of(Side::Sell)),
            ]
        } else {
            [Side::Buy, Side::Sell].map(|side| {
                let levels = book.levels(side).map(|level| (level.price, level.quantity.0));
                Curve::of(unpriced(side), levels, book.depth_of(side))
            })
        };
        Self { demand, supply }
    }
}

impl Curve {
    /// Sums up the quantities of levels. If there are too many, points are left out.
    fn of(unpriced: u64, levels: impl Iterator<Item = (Price, u64)>, count: usize) -> Self {
        let stride = count.div_ceil(POINTS_MAX).max(1);
        let (mut sum, mut points) = (unpriced, Vec::new());
        for (number, (price, quantity)) in levels.enumerate() {
            sum = sum.saturating_add(quantity);
            if number % stride == 0 || number + 1 == count {
                points.push((price, sum));
            }
        }
        Self { unpriced, points }
    }

    /// The quantity at a price or a better one.
    #[cfg(test)]
    pub(super) fn up_to(&self, price: Price, side: Side) -> u64 {
        let better = |at: Price| match side {
            Side::Buy => at >= price,
            Side::Sell => at <= price,
        };
        let points = self.points.iter().take_while(|(at, _)| better(*at));
        points.last().map_or(self.unpriced, |(_, sum)| *sum)
    }
}
