//! The uniform price of an auction, and the uncross that trades at it.

use pricetime_engine::{Clearing, OrderRecord, Price, Quantity, Side};

use super::book::{Book, Pair, full_part};

/// Neighbouring ticks at which the same quantities trade.
#[derive(Clone, Copy)]
struct Candidate {
    low: i128,
    high: i128,
    volume: i128,
    surplus: i128,
}

/// Returns `true` if a resting order trades at this price.
fn is_willing(order: &OrderRecord, price: i128) -> bool {
    order.kind.price().is_none_or(|limit| match order.side {
        Side::Buy => i128::from(limit.0) >= price,
        Side::Sell => i128::from(limit.0) <= price,
    })
}

impl Book {
    /// What an uncross would do now, or `None` if nothing can trade.
    pub(super) fn clearing(&self) -> Option<Clearing> {
        let candidates = self.best_candidates();
        let price = if candidates.is_empty() {
            // Without any limit price, the price is the reference price, if there is one.
            i128::from(self.reference()?.0)
        } else {
            self.choose(&candidates)
        };
        let (volume, surplus) = self.volume_and_surplus(price);
        (volume > 0).then(|| Clearing {
            price: Price(i64::try_from(price).expect("it lies between two prices")),
            volume: Quantity(u64::try_from(volume).expect("a book's quantity fits")),
            surplus,
        })
    }

    /// The volume at a price, and by how much demand exceeds supply there.
    fn volume_and_surplus(&self, price: i128) -> (i128, i128) {
        let willing = |side: Side| -> i128 {
            let orders = self.resting(side).into_iter();
            let willing = orders.filter(|o| is_willing(o, price));
            willing.map(|o| i128::from(o.open.0)).sum()
        };
        let (demand, supply) = (willing(Side::Buy), willing(Side::Sell));
        (demand.min(supply), demand - supply)
    }

    /// Every tick from the lowest to the highest limit price, as ranges. The set of willing orders changes
    /// only at a limit price. Between two neighbouring limit prices demand and supply are constant, so the
    /// lowest tick of the gap stands for all of it.
    fn candidates(&self) -> Vec<Candidate> {
        let sides = [self.resting(Side::Buy), self.resting(Side::Sell)].concat();
        let limits = sides.iter().filter_map(|o| o.kind.price());
        let mut limits: Vec<i128> = limits.map(|price| i128::from(price.0)).collect();
        limits.sort_unstable();
        limits.dedup();
        let gaps = limits.windows(2).map(|two| (two[0] + 1, two[1] - 1));
        let gaps = gaps.filter(|(low, high)| low <= high);
        let ranges = limits.iter().map(|price| (*price, *price)).chain(gaps);
        let evaluated = ranges.map(|(low, high)| {
            let (volume, surplus) = self.volume_and_surplus(low);
            Candidate { low, high, volume, surplus }
        });
        evaluated.collect()
    }

    /// Steps 1 and 2: the candidates with the largest volume, and of those the ones with the smallest
    /// surplus.
    fn best_candidates(&self) -> Vec<Candidate> {
        let mut candidates = self.candidates();
        let volume = candidates.iter().map(|c| c.volume).max();
        candidates.retain(|c| Some(c.volume) == volume);
        let surplus = candidates.iter().map(|c| c.surplus.abs()).min();
        candidates.retain(|c| Some(c.surplus.abs()) == surplus);
        candidates
    }

    /// Steps 3 and 4: market pressure, else the reference price, else the middle.
    fn choose(&self, candidates: &[Candidate]) -> i128 {
        // Demand falls and supply rises with the price. So the remaining candidates are adjacent, the
        // nearest tick is unique, and the middle of them all is one of them.
        let lowest = candidates.iter().map(|c| c.low).min().unwrap_or(0);
        let highest = candidates.iter().map(|c| c.high).max().unwrap_or(0);
        if candidates.iter().all(|c| c.surplus > 0) {
            highest
        } else if candidates.iter().all(|c| c.surplus < 0) {
            lowest
        } else if let Some(reference) = self.reference() {
            i128::from(reference.0).clamp(lowest, highest)
        } else {
            (lowest + highest).div_euclid(2)
        }
    }

    /// Trades everything that can trade at the uniform price, always the first orders of both sides.
    pub(super) fn uncross(&mut self) -> Option<Clearing> {
        let clearing = self.clearing()?;
        let price = i128::from(clearing.price.0);
        let first = |book: &Self, side: Side| {
            let mut orders = book.resting(side).into_iter();
            orders.find(|o| is_willing(o, price))
        };
        while let (Some(buy), Some(sell)) = (first(self, Side::Buy), first(self, Side::Sell)) {
            let (mut maker, mut taker) =
                if buy.priority < sell.priority { (buy, sell) } else { (sell, buy) };
            let quantity = buy.open.min(sell.open);
            let pair = Pair { maker: &mut maker, taker: &mut taker };
            self.trade(pair, clearing.price, quantity);
            self.replace(maker);
            self.replace(taker);
        }
        Some(clearing)
    }

    /// Puts an order back after a trade in an uncross. It keeps its priority and shows a full part of its
    /// open quantity.
    fn replace(&mut self, mut order: OrderRecord) {
        self.orders.retain(|o| o.party.order != order.party.order);
        order.shown = full_part(&order);
        if order.open.0 > 0 {
            self.orders.push(order);
        }
    }
}
