//! `nanobook`: its `Exchange` gives out the ids: 1, 2, 3 and so on.

use nanobook::{Exchange, OrderId, Price, Side, TimeInForce};

use crate::flow::Call;
use crate::{Adapter, Fill, Flow, Order};

/// An exchange of `nanobook`.
#[derive(Debug)]
pub struct Nanobook(Exchange);

impl Adapter for Nanobook {
    const CRATE: &'static str = "nanobook";
    type Command = Call<(Side, Price, u64), OrderId>;

    fn open(_: &Flow) -> Self {
        Self(Exchange::new())
    }

    fn convert(flow: &Flow) -> Vec<Self::Command> {
        let side = |order: &Order| order.side.pick(Side::Buy, Side::Sell);
        let place = |it: &Order| (side(it), Price(it.price.cast_signed()), it.quantity);
        flow.calls(place, |id| OrderId(id + 1))
    }

    fn apply(&mut self, command: &Self::Command, fills: &mut impl FnMut(Fill)) -> bool {
        let (side, price, quantity) = match *command {
            Call::Place(it) => it,
            Call::Cancel(id) => return self.0.cancel(id).success,
        };
        let result = self.0.submit_limit(side, price, quantity, TimeInForce::GTC);
        for trade in &result.trades {
            fills(Fill {
                taker: trade.aggressor_order_id.0 - 1,
                maker: trade.passive_order_id.0 - 1,
                price: trade.price.0.unsigned_abs(),
                quantity: trade.quantity,
            });
        }
        true
    }
}
