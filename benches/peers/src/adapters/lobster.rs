//! `lobster`: one function takes every command and returns an event.

use lobster::{OrderBook, OrderEvent, OrderType, Side};

use crate::{Adapter, Fill, Flow, Step};

/// The number of orders that a level has room for at first, as in its `OrderBook::default()`.
const QUEUE: usize = 10;

/// A book of `lobster`.
#[derive(Debug)]
pub struct Lobster(OrderBook);

impl Adapter for Lobster {
    const CRATE: &'static str = "lobster";
    type Command = OrderType;

    fn open(flow: &Flow) -> Self {
        // It never reuses the place of a filled order, so all orders of the flow need one.
        Self(OrderBook::new(flow.steps.len(), QUEUE, false))
    }

    fn convert(flow: &Flow) -> Vec<OrderType> {
        let convert = |step: &Step| match *step {
            Step::Place(order) => OrderType::Limit {
                id: u128::from(order.id),
                side: order.side.pick(Side::Bid, Side::Ask),
                qty: order.quantity,
                price: order.price,
            },
            Step::Cancel(id) => OrderType::Cancel { id: u128::from(id) },
        };
        flow.all().map(convert).collect()
    }

    fn apply(&mut self, command: &OrderType, fills: &mut impl FnMut(Fill)) -> bool {
        match self.0.execute(*command) {
            OrderEvent::PartiallyFilled { fills: filled, .. }
            | OrderEvent::Filled { fills: filled, .. } => {
                for fill in &filled {
                    // Its ids are the numbers, widened.
                    fills(Fill {
                        taker: fill.order_1 as u64,
                        maker: fill.order_2 as u64,
                        price: fill.price,
                        quantity: fill.qty,
                    });
                }
                true
            }
            OrderEvent::Placed { .. } | OrderEvent::Canceled { .. } => true,
            OrderEvent::Unfilled { .. } => false,
        }
    }
}
