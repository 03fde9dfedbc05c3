//! `limitbook`: prices and quantities are decimals, and it gives out the ids: 0, 1, 2 and so on.

use limitbook::{OrderBook, OrderSide};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::flow::Call;
use crate::{Adapter, Fill, Flow, Order};

/// A book of `limitbook`.
#[expect(missing_debug_implementations, reason = "the book has none")]
pub struct Limitbook(OrderBook);

impl Adapter for Limitbook {
    const CRATE: &'static str = "limitbook";
    type Command = Call<(OrderSide, Decimal, Decimal), u64>;

    fn open(_: &Flow) -> Self {
        Self(OrderBook::new(Decimal::ONE).expect("a tick above zero"))
    }

    fn convert(flow: &Flow) -> Vec<Self::Command> {
        let side = |order: &Order| order.side.pick(OrderSide::Buy, OrderSide::Sell);
        flow.calls(|it| (side(it), it.price.into(), it.quantity.into()), |id| id)
    }

    fn apply(&mut self, command: &Self::Command, fills: &mut impl FnMut(Fill)) -> bool {
        let (side, price, quantity) = match *command {
            Call::Place(it) => it,
            Call::Cancel(id) => return self.0.cancel_limit_order(id).is_ok(),
        };
        let Ok((_, filled)) = self.0.add_limit_order(side, price, quantity) else { return false };
        for fill in &filled {
            fills(Fill {
                taker: fill.taker_order_id,
                maker: fill.maker_order_id,
                price: fill.price.to_u64().unwrap_or(0),
                quantity: fill.quantity.to_u64().unwrap_or(0),
            });
        }
        true
    }
}
