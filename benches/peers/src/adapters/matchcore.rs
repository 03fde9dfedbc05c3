//! `matchcore`: one function takes every command. An order's id is the sequence number of the
//! command that placed it.

use std::collections::HashMap;

use matchcore::{
    CancelCmd, Command, CommandKind, CommandMeta, CommandOutcome, CommandReport, LimitOrder,
    NewOrder, OrderBook, OrderFlags, OrderId, OrderKind, Price, Quantity, QuantityPolicy,
    SequenceNumber, Side, SubmitCmd, TimeInForce, Timestamp,
};

use crate::{Adapter, Fill, Flow, Step};

/// A book of `matchcore`.
#[derive(Debug)]
pub struct Matchcore {
    book: OrderBook,
    /// The numbers of the orders by the sequence numbers of their commands.
    numbers: Vec<u64>,
}

impl Adapter for Matchcore {
    const CRATE: &'static str = "matchcore";
    type Command = Command;

    fn open(flow: &Flow) -> Self {
        let number = |step: &Step| match *step {
            Step::Place(order) => order.id,
            Step::Cancel(id) => id,
        };
        Self { book: OrderBook::new("BENCH"), numbers: flow.all().map(number).collect() }
    }

    fn convert(flow: &Flow) -> Vec<Command> {
        let mut ids = HashMap::new();
        let convert = |(sequence, step): (u64, &Step)| {
            let kind = match *step {
                Step::Place(order) => {
                    ids.insert(order.id, OrderId(sequence));
                    let side = order.side.pick(Side::Buy, Side::Sell);
                    let quantity = QuantityPolicy::Standard { quantity: Quantity(order.quantity) };
                    let flags = OrderFlags::new(side, false, TimeInForce::Gtc);
                    let order = LimitOrder::new(Price(order.price), quantity, flags);
                    CommandKind::Submit(SubmitCmd { order: NewOrder::Limit(order) })
                }
                Step::Cancel(id) => CommandKind::Cancel(CancelCmd {
                    order_id: ids.get(&id).copied().unwrap_or(OrderId(u64::MAX)),
                    order_kind: OrderKind::Limit,
                }),
            };
            let sequence_number = SequenceNumber(sequence);
            Command { meta: CommandMeta { sequence_number, timestamp: Timestamp(sequence) }, kind }
        };
        (0..).zip(flow.all()).map(convert).collect()
    }

    fn apply(&mut self, command: &Command, fills: &mut impl FnMut(Fill)) -> bool {
        let effects = match self.book.execute(command) {
            CommandOutcome::Applied(CommandReport::Submit(effects)) => effects,
            CommandOutcome::Applied(CommandReport::Cancel) => return true,
            CommandOutcome::Applied(CommandReport::Amend(_)) | CommandOutcome::Rejected(_) => {
                return false;
            }
        };
        let target = effects.target_order();
        let number = |id: OrderId| self.numbers.get(id.0 as usize).copied().unwrap_or(u64::MAX);
        for trade in target.match_result().into_iter().flat_map(|it| it.trades()) {
            fills(Fill {
                taker: number(target.order_id()),
                maker: number(trade.maker_order_id()),
                price: trade.price().0,
                quantity: trade.quantity().0,
            });
        }
        true
    }
}
