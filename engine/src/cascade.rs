//! Stops: how they enter a market, and how trades elect them.

use crate::book::Book;
use crate::command::OrderKind;
use crate::event::{Event, Sink};
use crate::market::Phase;
use crate::quantity::Side;
use crate::reason::CancelReason;
use crate::snapshot::{OrderRecord, Until};

impl Book {
    /// Stores a stop, or elects it at once if its condition holds against the last price.
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
            self.live_orders.attach(order);
        }
    }

    /// Executes the stops that the command's trades elect, one at a time; each can elect more.
    pub(crate) fn cascade<S: Sink>(&mut self, sink: &mut S) {
        while let Some((high, low)) = self.traded_range
            && let Some(handle) = self.live_orders.elected(high, low)
        {
            let mut order = self.live_orders.detach(handle);
            self.trigger(&mut order, sink);
        }
    }

    /// Converts an elected stop to the order that it becomes, and enters that order.
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
