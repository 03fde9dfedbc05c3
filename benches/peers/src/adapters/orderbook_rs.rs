//! `orderbook-rs`: a book for many threads, of which one is used here.

use orderbook_rs::{Id, OrderBook, Side, TimeInForce};

use crate::flow::Call;
use crate::{Adapter, Fill, Flow, Order};

/// A book of `orderbook-rs`.
#[expect(missing_debug_implementations, reason = "the book has none")]
pub struct OrderbookRs(OrderBook<()>);

impl Adapter for OrderbookRs {
    const CRATE: &'static str = "orderbook-rs";
    type Command = Call<(Id, u128, u64, Side), Id>;

    fn open(_: &Flow) -> Self {
        Self(OrderBook::new("BENCH"))
    }

    fn convert(flow: &Flow) -> Vec<Self::Command> {
        let side = |order: &Order| order.side.pick(Side::Buy, Side::Sell);
        let place = |it: &Order| (Id::Sequential(it.id), it.price.into(), it.quantity, side(it));
        flow.calls(place, Id::Sequential)
    }

    fn apply(&mut self, command: &Self::Command, fills: &mut impl FnMut(Fill)) -> bool {
        let (id, price, quantity, side) = match *command {
            Call::Place(it) => it,
            Call::Cancel(id) => return matches!(self.0.cancel_order(id), Ok(Some(_))),
        };
        let tif = TimeInForce::Gtc;
        let added = self.0.add_limit_order_with_result(id, price, quantity, side, tif, None);
        let Ok((_, result)) = added else { return false };
        for trade in result.iter().flat_map(|it| it.match_result.trades().as_vec()) {
            fills(Fill {
                taker: number(trade.taker_order_id()),
                maker: number(trade.maker_order_id()),
                price: trade.price().as_u128() as u64,
                quantity: trade.quantity().as_u64(),
            });
        }
        true
    }
}

fn number(id: Id) -> u64 {
    match id {
        Id::Sequential(number) => number,
        Id::Uuid(_) | Id::Ulid(_) => u64::MAX,
    }
}
