//! `obcore`: the caller brings the type of an order. A command is evaluated first, and then each of
//! the instructions that this gives is applied.

use obcore::{Evaluator, Instruction, Op, OrderBook, OrderInterface};

use crate::{Adapter, Fill, Flow, Order, Side, Step};

/// A book of `obcore`.
#[expect(missing_debug_implementations, reason = "the book has none")]
pub struct Obcore {
    book: OrderBook<Resting>,
    evaluator: Evaluator<Resting>,
}

/// An order as the book keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    order: Order,
    remaining: u64,
}

impl OrderInterface for Resting {
    type I = u64;
    type N = u64;
    type O = u64;

    fn id(&self) -> &u64 {
        &self.order.id
    }

    fn is_buy(&self) -> bool {
        self.order.side == Side::Buy
    }

    fn price(&self) -> u64 {
        self.order.price
    }

    fn quantity(&self) -> u64 {
        self.order.quantity
    }

    fn remaining(&self) -> u64 {
        self.remaining
    }

    fn fill(&mut self, quantity: u64) {
        self.remaining -= quantity;
    }

    fn owner(&self) -> &u64 {
        &self.order.id
    }
}

impl Adapter for Obcore {
    const CRATE: &'static str = "obcore";
    type Command = Step;

    fn open(_: &Flow) -> Self {
        Self { book: OrderBook::default(), evaluator: Evaluator::default() }
    }

    fn convert(flow: &Flow) -> Vec<Step> {
        flow.all().copied().collect()
    }

    fn apply(&mut self, command: &Step, fills: &mut impl FnMut(Fill)) -> bool {
        let (op, taker) = match *command {
            Step::Place(order) => {
                (Op::Insert(Resting { order, remaining: order.quantity }), order.id)
            }
            Step::Cancel(id) => (Op::Delete(id), id),
        };
        // It remembers what it evaluated until it is reset, and here all of that is applied.
        self.evaluator.reset();
        let mut accepted = true;
        for instruction in self.evaluator.eval(&self.book, op) {
            match instruction {
                Instruction::Fill(maker, _, price, quantity, false) => {
                    fills(Fill { taker, maker, price, quantity });
                }
                Instruction::NoOp(..) => accepted = false,
                Instruction::Fill(..) | Instruction::Insert(..) | Instruction::Delete(..) => {}
            }
            self.book.apply(instruction);
        }
        accepted
    }
}
