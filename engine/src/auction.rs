//! The uniform price of a crossed book.

use crate::event::Clearing;
use crate::quantity::{Price, Quantity, Side};

/// The open quantities at one price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PricePoint {
    price: Price,
    bids: Quantity,
    asks: Quantity,
}

/// The best candidates so far: adjacent ticks with the same volume and the same size of surplus.
#[derive(Clone, Copy)]
struct Choice {
    volume: Quantity,
    lowest: Price,
    highest: Price,
    /// The surplus at the lowest and at the highest of them. It never rises with the price.
    surplus: (i128, i128),
}

impl Choice {
    /// The order of preference between candidates.
    fn rank(&self) -> (Quantity, core::cmp::Reverse<u128>) {
        (self.volume, core::cmp::Reverse(self.surplus.0.unsigned_abs()))
    }

    /// The price that is chosen among the candidates.
    fn price(&self, reference: Option<Price>) -> Price {
        match (self.surplus, reference) {
            ((_, above), _) if above > 0 => self.highest,
            ((below, _), _) if below < 0 => self.lowest,
            (_, Some(reference)) => reference.clamp(self.lowest, self.highest),
            (_, None) => {
                let sum = i128::from(self.lowest.0).wrapping_add(i128::from(self.highest.0));
                Price(i64::try_from(sum.div_euclid(2)).unwrap_or(self.lowest.0))
            }
        }
    }
}

/// A range of ticks with the same demand and supply.
fn candidate(lowest: Price, highest: Price, demand: Quantity, supply: Quantity) -> Choice {
    let surplus = surplus(demand, supply);
    Choice { volume: demand.min(supply), lowest, highest, surplus: (surplus, surplus) }
}

fn surplus(demand: Quantity, supply: Quantity) -> i128 {
    i128::from(demand.0).wrapping_sub(i128::from(supply.0))
}

/// The best candidates among all ticks from the lowest to the highest price point.
///
/// Demand and supply change only at the price points, so the ticks between two of them are evaluated
/// together.
fn choose(
    price_points: &[PricePoint],
    market_bids: Quantity,
    market_asks: Quantity,
) -> Option<Choice> {
    let mut demand = price_points.iter().fold(market_bids, |sum, point| sum.plus(point.bids));
    let mut supply = market_asks;
    let mut best: Option<Choice> = None;
    let mut consider = |next: Choice| match &mut best {
        Some(choice) if next.rank() < choice.rank() => {}
        Some(choice) if next.rank() == choice.rank() => {
            choice.highest = next.highest;
            choice.surplus.1 = next.surplus.1;
        }
        _ => best = Some(next),
    };
    let next_prices = price_points.iter().skip(1).map(|point| Some(point.price)).chain([None]);
    for (point, next) in price_points.iter().zip(next_prices) {
        supply = supply.plus(point.asks);
        consider(candidate(point.price, point.price, demand, supply));
        demand = demand.minus(point.bids);
        let (above, below) = (point.price.up(1), next.map_or(point.price, |price| price.down(1)));
        if above <= below {
            consider(candidate(above, below, demand, supply));
        }
    }
    best
}

/// The market orders of one side that wait in Call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MarketOrders {
    /// The number of orders.
    pub orders: u32,
    /// Their open quantity.
    pub quantity: Quantity,
}

/// A market in Call, with the result that an uncross would have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Call {
    /// The uniform price and the volume at it; `None` if nothing can trade.
    pub indicative: Option<Clearing>,
    /// The market orders to buy.
    pub market_bids: MarketOrders,
    /// The market orders to sell.
    pub market_asks: MarketOrders,
}

impl Call {
    /// Computes the result of an uncross with the code that uncrosses. `levels` are the levels of
    /// both sides in any order, each with its open quantity, hidden parts included. The cost grows
    /// with their number.
    #[must_use]
    pub fn of(
        levels: impl Iterator<Item = (Side, Price, Quantity)>,
        market_bids: MarketOrders,
        market_asks: MarketOrders,
        reference: Option<Price>,
    ) -> Self {
        let unpriced = (market_bids.quantity, market_asks.quantity);
        let indicative = clearing(&mut Vec::new(), levels, unpriced, reference);
        Self { indicative, market_bids, market_asks }
    }
}

/// The uniform price, if anything can trade. `price_points` is a work buffer.
pub(crate) fn clearing(
    price_points: &mut Vec<PricePoint>,
    levels: impl Iterator<Item = (Side, Price, Quantity)>,
    (bids, asks): (Quantity, Quantity),
    reference: Option<Price>,
) -> Option<Clearing> {
    collect(price_points, levels);
    let choice = if price_points.is_empty() {
        candidate(reference?, reference?, bids, asks)
    } else {
        choose(price_points, bids, asks)?
    };
    if choice.volume.is_zero() {
        return None;
    }
    let price = choice.price(reference);
    // The size of the surplus is the same at all candidates; its sign changes at most once.
    let above = |point: &&PricePoint| point.price >= price;
    let below = |point: &&PricePoint| point.price <= price;
    let demand = price_points.iter().filter(above).fold(bids, |sum, point| sum.plus(point.bids));
    let supply = price_points.iter().filter(below).fold(asks, |sum, point| sum.plus(point.asks));
    Some(Clearing { price, volume: choice.volume, surplus: surplus(demand, supply) })
}

/// Lists the open quantities at each price of both sides, lowest price first.
fn collect(
    price_points: &mut Vec<PricePoint>,
    levels: impl Iterator<Item = (Side, Price, Quantity)>,
) {
    price_points.clear();
    let none = Quantity::ZERO;
    price_points.extend(levels.map(|(side, price, open)| match side {
        Side::Buy => PricePoint { price, bids: open, asks: none },
        Side::Sell => PricePoint { price, bids: none, asks: open },
    }));
    price_points.sort_unstable_by_key(|point| point.price);
    price_points.dedup_by(|next, kept| {
        let same = next.price == kept.price;
        if same {
            kept.bids = kept.bids.plus(next.bids);
            kept.asks = kept.asks.plus(next.asks);
        }
        same
    });
}
