//! Stops: when they are elected, and how they then trade.

use core::cmp::Reverse;

use pricetime_engine::{CancelReason, Event, OrderRecord, Phase, Price, Side, Until};

use super::book::{Book, elected_kind};

/// Returns `true` if a price elects a stop.
fn elects(price: Price, order: &OrderRecord) -> bool {
    order.kind.stop().is_some_and(|stop| match order.side {
        Side::Buy => price >= stop,
        Side::Sell => price <= stop,
    })
}

impl Book {
    /// Handles a stop that was placed or amended: in Continuous the last price may elect it at once.
    pub(super) fn wait_or_elect(&mut self, order: OrderRecord) {
        let last = self.head.last_price;
        let holds = last.is_some_and(|price| elects(price, &order));
        if self.head.phase == Phase::Continuous && holds {
            self.elect(order);
        } else {
            self.wait(order);
        }
    }

    /// Runs after the command's own work. Elects stops one at a time, and executes each before it searches
    /// for the next.
    pub(super) fn cascade(&mut self) {
        while let Some(at) = self.next_stop() {
            let stop = self.orders.swap_remove(at);
            self.elect(stop);
        }
    }

    /// The lowest buy stop that the highest trade price has reached, else the highest sell stop that the
    /// lowest one has reached. At equal prices, the oldest.
    fn next_stop(&self) -> Option<usize> {
        let (low, high) = self.range?;
        let stops = |side: Side, price: Price| {
            let all = self.orders.iter().enumerate();
            all.filter(move |(_, o)| o.side == side && elects(price, o))
        };
        let buy = stops(Side::Buy, high).min_by_key(|(_, o)| (o.kind.stop(), o.priority));
        let sell = stops(Side::Sell, low).min_by_key(|(_, o)| (Reverse(o.kind.stop()), o.priority));
        buy.or(sell).map(|(at, _)| at)
    }

    /// Turns a stop into a market or limit order: it takes in Continuous and joins the book in Call.
    fn elect(&mut self, mut order: OrderRecord) {
        order.kind = elected_kind(order.kind);
        order.priority = self.take_priority();
        self.events.push(Event::Triggered { party: order.party, priority: order.priority });
        if self.head.phase == Phase::Continuous {
            return self.execute(order);
        }
        match order.until {
            Until::Immediate => self.cancelled(&order, CancelReason::ImmediateOrCancel),
            Until::Filled => self.cancelled(&order, CancelReason::FillOrKill),
            Until::Cancelled | Until::Time(_) | Until::Epoch(_) => self.rest(order),
        }
    }
}
