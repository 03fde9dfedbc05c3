//! `rust-order-book`: it gives out the ids: 0, 1, 2 and so on. The list of fills in its report is
//! always empty in this version, so only quantities can be compared.

use rust_order_book::{LimitOrderOptions, OrderBook, OrderBookBuilder, OrderId, Side, TimeInForce};

use crate::flow::Call;
use crate::{Adapter, Fill, Flow, Order, Reports};

/// A book of `rust-order-book`.
#[expect(missing_debug_implementations, reason = "the book has none")]
pub struct RustOrderBook(OrderBook);

impl Adapter for RustOrderBook {
    const CRATE: &'static str = "rust-order-book";
    const REPORTS: Reports = Reports::Quantities;
    type Command = Call<LimitOrderOptions, OrderId>;

    fn open(_: &Flow) -> Self {
        Self(OrderBookBuilder::new("BENCH").build())
    }

    fn convert(flow: &Flow) -> Vec<Self::Command> {
        let place = |it: &Order| {
            let side = it.side.pick(Side::Buy, Side::Sell);
            LimitOrderOptions::new(side, it.quantity, it.price, Some(TimeInForce::GTC), None)
        };
        flow.calls(place, OrderId)
    }

    fn apply(&mut self, command: &Self::Command, fills: &mut impl FnMut(Fill)) -> bool {
        let options = match *command {
            Call::Place(it) => it,
            Call::Cancel(id) => return self.0.cancel(id).is_ok(),
        };
        let Ok(report) = self.0.limit(options) else { return false };
        let quantity = report.executed_qty.value();
        if quantity > 0 {
            fills(Fill { taker: report.order_id.0, maker: 0, price: 0, quantity });
        }
        true
    }
}
