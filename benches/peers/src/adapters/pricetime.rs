//! Our own engine.

use pricetime_engine::{
    AccountId, Action, Command, Engine, Event, Header, MarketId, OrderId, OrderKind, Outcome,
    Place, Price, Quantity, SelfTrade, Sequence, Sink, TimeInForce, Timestamp,
};

use crate::{Adapter, Fill, Flow, Step};

pub(crate) const MARKET: MarketId = MarketId(1);
/// The number of accounts that the orders are spread over.
const ACCOUNTS: u64 = 1_000;

/// Our engine, which takes and reports ids of 128 bits and an account with each order.
#[derive(Debug)]
pub struct Pricetime(Engine);

struct Fills<'a, F>(&'a mut F);

impl<F: FnMut(Fill)> Sink for Fills<'_, F> {
    fn begin(&mut self, _: &Header) {}

    #[inline]
    fn event(&mut self, event: &Event) {
        if let Event::Traded { maker, taker, price, quantity, .. } = event {
            self.0(Fill {
                taker: taker.reference,
                maker: maker.reference,
                price: price.0.unsigned_abs(),
                quantity: quantity.0,
            });
        }
    }

    fn end(&mut self, _: Outcome) {}
}

impl Adapter for Pricetime {
    const CRATE: &'static str = "pricetime-engine";
    type Command = Command;

    fn open(flow: &Flow) -> Self {
        let mut engine = Engine::new(1);
        for command in &flow.market {
            engine.apply(command, &mut ());
        }
        Self(engine)
    }

    fn convert(flow: &Flow) -> Vec<Command> {
        let last = flow.market.last().map_or(0, |command| command.sequence.0);
        (last + 1..).zip(flow.all()).map(|(sequence, step)| stamp(sequence, step)).collect()
    }

    #[inline]
    fn apply(&mut self, command: &Command, fills: &mut impl FnMut(Fill)) -> bool {
        self.0.apply(command, &mut Fills(fills)) == Outcome::Accepted
    }
}

/// The id of an order, spread over all bits as a UUID is.
pub(crate) fn order_id(number: u64) -> OrderId {
    OrderId((u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// Makes the command of a step.
pub(crate) fn stamp(sequence: u64, step: &Step) -> Command {
    let action = match *step {
        Step::Place(order) => Action::Place(Place {
            order: order_id(order.id),
            reference: order.id,
            side: order.side.ours(),
            kind: OrderKind::Limit { price: Price(order.price.cast_signed()) },
            quantity: Quantity(order.quantity),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::None,
        }),
        Step::Cancel(id) => Action::Cancel { order: order_id(id) },
    };
    let (Step::Place(crate::Order { id, .. }) | Step::Cancel(id)) = *step;
    Command {
        sequence: Sequence(sequence),
        timestamp: Timestamp(sequence * 1_000),
        market: MARKET,
        account: AccountId(u128::from(1 + id % ACCOUNTS)),
        operator: false,
        request: None,
        session: None,
        action,
    }
}
