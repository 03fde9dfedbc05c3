//! `rust_ob`: prices and quantities are decimals. For each maker it reports a quantity and what that
//! cost, and for the taker, which comes last, the sums.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use rust_ob::{OrderBook, Side};

use crate::flow::Call;
use crate::{Adapter, Fill, Flow, Order};

/// A book of `rust_ob`.
#[derive(Debug)]
pub struct RustOb(OrderBook<u64>);

impl Adapter for RustOb {
    const CRATE: &'static str = "rust_ob";
    type Command = Call<(u64, Side, Decimal, Decimal), u64>;

    fn open(_: &Flow) -> Self {
        Self(OrderBook::new())
    }

    fn convert(flow: &Flow) -> Vec<Self::Command> {
        let side = |order: &Order| order.side.pick(Side::Buy, Side::Sell);
        flow.calls(|it| (it.id, side(it), it.price.into(), it.quantity.into()), |id| id)
    }

    fn apply(&mut self, command: &Self::Command, fills: &mut impl FnMut(Fill)) -> bool {
        let (id, side, price, quantity) = match *command {
            Call::Place(it) => it,
            Call::Cancel(id) => return self.0.cancel_order(id).is_ok(),
        };
        let Ok(matches) = self.0.process_limit_order(id, side, price, quantity) else {
            return false;
        };
        for made in matches.iter().take(matches.len().saturating_sub(1)) {
            let (cost, quantity) = (made.cost.abs().to_u64(), made.quantity.to_u64());
            let (cost, quantity) = (cost.unwrap_or(0), quantity.unwrap_or(0));
            let price = cost.checked_div(quantity).unwrap_or(0);
            fills(Fill { taker: id, maker: made.order, price, quantity });
        }
        true
    }
}
