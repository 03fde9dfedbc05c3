//! Stops: orders that wait outside the book until their price has traded.

use crate::arena::Handle;
use crate::book::Book;
use crate::command::OrderKind;
use crate::event::{CancelReason, Event, Sink};
use crate::heap::Heap;
use crate::market::Phase;
use crate::quantity::{Price, Priority, Side};
use crate::snapshot::{OrderRecord, Until};

/// The waiting stops of both sides, each in the order in which they would be elected.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// The lowest stop price first, then age.
    buys: Heap<(i64, u64)>,
    /// The highest first: the prices are complemented, which turns their order round.
    sells: Heap<(i64, u64)>,
}

impl Stops {
    pub(crate) fn insert(&mut self, side: Side, stop: Price, age: Priority, handle: Handle) {
        match side {
            Side::Buy => self.buys.insert(handle.0, (stop.0, age.0)),
            Side::Sell => self.sells.insert(handle.0, (!stop.0, age.0)),
        }
    }

    pub(crate) fn remove(&mut self, side: Side, handle: Handle) {
        match side {
            Side::Buy => self.buys.remove(handle.0),
            Side::Sell => self.sells.remove(handle.0),
        };
    }

    /// The next stop that a range of prices elects.
    fn elected(&self, high: Price, low: Price) -> Option<Handle> {
        let buy = self.buys.first().filter(|((stop, _), _)| *stop <= high.0);
        let sell = self.sells.first().filter(|((stop, _), _)| !*stop >= low.0);
        buy.or(sell).map(|(_, handle)| Handle(handle))
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.buys.len().saturating_add(self.sells.len())
    }

    /// Whether an order waits here under these numbers.
    pub(crate) fn holds(&self, side: Side, stop: Price, age: Priority, handle: Handle) -> bool {
        match side {
            Side::Buy => self.buys.key(handle.0) == Some((stop.0, age.0)),
            Side::Sell => self.sells.key(handle.0) == Some((!stop.0, age.0)),
        }
    }

    pub(crate) fn check(&self) -> bool {
        self.buys.check() && self.sells.check()
    }
}

impl Book {
    /// Lets a stop wait, or elects it at once where its condition holds against the last price.
    pub(crate) fn enter_stop<S: Sink>(&mut self, order: &mut OrderRecord, sink: &mut S) {
        let holds = match (order.kind.stop(), self.head.last_price) {
            (Some(stop), Some(last)) => match order.side {
                Side::Buy => last >= stop,
                Side::Sell => last <= stop,
            },
            (None, _) | (_, None) => false,
        };
        if holds && self.head.phase == Phase::Continuous {
            self.trigger(order, sink);
        } else {
            self.attach(order);
        }
    }

    /// Works off the stops that the command's trades elect, one after the other; each can elect more.
    pub(crate) fn cascade<S: Sink>(&mut self, sink: &mut S) {
        while let Some((high, low)) = self.range
            && let Some(handle) = self.stops.elected(high, low)
        {
            let mut order = self.detach(handle);
            self.trigger(&mut order, sink);
        }
    }

    /// Turns an elected stop into the order that it stands for, and lets that enter.
    fn trigger<S: Sink>(&mut self, order: &mut OrderRecord, sink: &mut S) {
        order.kind = match order.kind {
            OrderKind::StopLimit { price, .. } | OrderKind::Limit { price } => {
                OrderKind::Limit { price }
            }
            OrderKind::Stop { .. } | OrderKind::Market => OrderKind::Market,
        };
        order.priority = self.take_priority();
        sink.event(&Event::Triggered { party: order.party, priority: order.priority });
        let reason = match order.until {
            Until::Immediate => Some(CancelReason::ImmediateOrCancel),
            Until::Filled => Some(CancelReason::FillOrKill),
            Until::Cancelled | Until::Time(_) | Until::Epoch(_) => None,
        };
        match reason {
            Some(reason) if self.head.phase == Phase::Call => {
                self.cancelled((&*order).into(), reason, sink);
            }
            _ => self.enter(order, sink),
        }
    }
}
