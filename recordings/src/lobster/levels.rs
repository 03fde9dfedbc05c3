//! The book of an order-book file that is being written.

use std::collections::BTreeMap;

use pricetime_engine::Side;

use super::row::NO_PRICE;
use crate::number::{append, append_signed};

/// The quantity at each price.
#[derive(Debug, Default)]
pub(super) struct Levels {
    bids: BTreeMap<i64, u64>,
    asks: BTreeMap<i64, u64>,
}

impl Levels {
    /// Adds quantity at a price.
    pub(super) fn add(&mut self, side: Side, price: i64, quantity: u64) {
        let level = self.side(side).entry(price).or_default();
        *level = level.saturating_add(quantity);
    }

    /// Takes quantity away at a price.
    pub(super) fn take(&mut self, side: Side, price: i64, quantity: u64) {
        let side = self.side(side);
        if let Some(level) = side.get_mut(&price) {
            *level = level.saturating_sub(quantity);
            if *level == 0 {
                side.remove(&price);
            }
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    const fn side(&mut self, side: Side) -> &mut BTreeMap<i64, u64> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Appends the best levels as a row.
    pub(super) fn append_row(&self, levels: usize, text: &mut Vec<u8>) {
        let (mut asks, mut bids) = (self.asks.iter(), self.bids.iter().rev());
        for at in 0..levels {
            if at > 0 {
                text.push(b',');
            }
            let (price, quantity) = asks.next().unwrap_or((&NO_PRICE, &0));
            append_signed(text, *price);
            text.push(b',');
            append(text, *quantity);
            text.push(b',');
            let (price, quantity) = bids.next().unwrap_or((&-NO_PRICE, &0));
            append_signed(text, *price);
            text.push(b',');
            append(text, *quantity);
        }
        text.push(b'\n');
    }
}
