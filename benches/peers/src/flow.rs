//! Commands that every engine understands.

use std::fmt;

use pricetime_benches::workload::Workload;
use pricetime_engine::Command;

use crate::reduction::Reduction;

/// The side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It buys.
    Buy,
    /// It sells.
    Sell,
}

impl Side {
    /// Returns what an engine calls this side.
    pub(crate) const fn pick<T: Copy>(self, buy: T, sell: T) -> T {
        match self {
            Self::Buy => buy,
            Self::Sell => sell,
        }
    }

    pub(crate) const fn ours(self) -> pricetime_engine::Side {
        self.pick(pricetime_engine::Side::Buy, pricetime_engine::Side::Sell)
    }
}

/// A limit order that rests until it is filled or cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number: 0 for the first order of the flow, 1 for the next.
    pub id: u64,
    /// Its side.
    pub side: Side,
    /// Its limit, in ticks.
    pub price: u64,
    /// Its quantity, in lots.
    pub quantity: u64,
}

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Places an order.
    Place(Order),
    /// Cancels the order with this number, which rests.
    Cancel(u64),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(Order { id, side, price, quantity }) => {
                write!(f, "order {id} {} {quantity} at {price}", side.pick("buys", "sells"))
            }
            Self::Cancel(id) => write!(f, "cancel of order {id}"),
        }
    }
}

/// The arguments of an engine's functions.
#[derive(Clone, Copy, Debug)]
pub enum Call<P, C> {
    /// Of the one that places an order.
    Place(P),
    /// Of the one that cancels an order.
    Cancel(C),
}

/// A workload of the benches in this form.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The commands that open the market in Pricetime's engine.
    pub market: Vec<Command>,
    /// All commands: those that fill the book, and after them those that are timed.
    pub steps: Vec<Step>,
    /// The number of commands that fill the book.
    pub opening: usize,
    /// Two orders that take everything that rests at the end. They are only checked, not timed: by
    /// them, the whole book is compared, with the priority of every order.
    pub closing: Vec<Step>,
}

impl Flow {
    /// Reduces a workload to at least this many commands after its opening.
    #[must_use]
    pub fn of(workload: Workload, seed: u64, commands: usize) -> Self {
        let (opening, flow) = workload.begin(seed);
        let mut reduction = Reduction::default();
        opening.iter().for_each(|command| reduction.add(command));
        let opening = reduction.steps.len();
        for command in flow {
            if reduction.steps.len() >= opening + commands {
                break;
            }
            reduction.add(&command);
        }
        let closing = reduction.close();
        Self { market: reduction.market, steps: reduction.steps, opening, closing }
    }

    /// The workloads that can be reduced: one market that trades continuously.
    pub fn workloads() -> impl Iterator<Item = Workload> {
        let several = |it: &Workload| it.markets() > 1;
        Workload::ALL.into_iter().filter(move |it| *it != Workload::Epochs && !several(it))
    }

    /// Converts all commands, the closing ones included, for an engine with a function for each
    /// kind.
    pub(crate) fn calls<P, C>(
        &self,
        place: impl Fn(&Order) -> P,
        cancel: impl Fn(u64) -> C,
    ) -> Vec<Call<P, C>> {
        let convert = |step: &Step| match step {
            Step::Place(order) => Call::Place(place(order)),
            Step::Cancel(id) => Call::Cancel(cancel(*id)),
        };
        self.all().map(convert).collect()
    }

    /// All commands in order, the closing ones included.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.closing)
    }

    /// The number of timed commands.
    #[must_use]
    pub fn timed(&self) -> usize {
        self.steps.len() - self.opening
    }
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{Engine, Outcome};

    use super::{Flow, Step};
    use crate::Adapter;
    use crate::adapters::pricetime::Pricetime;

    #[test]
    fn reduced_flow_is_accepted_keeps_its_book_and_ends_with_an_empty_one() {
        for (seed, workload) in (1..).zip(Flow::workloads()) {
            let flow = Flow::of(workload, seed, 5_000);
            assert!(flow.timed() >= 5_000, "{workload}");
            assert_eq!(flow.closing.len(), 2, "{workload}");
            let mut engine = Engine::new(1);
            flow.market.iter().for_each(|it| _ = engine.apply(it, &mut ()));
            let mut live = Vec::new();
            for (at, command) in Pricetime::convert(&flow).iter().enumerate() {
                assert_eq!(engine.apply(command, &mut ()), Outcome::Accepted, "{workload}, {at}");
                live.push(engine.markets().map(|market| market.live()).sum::<u32>());
            }
            assert_eq!(live.last(), Some(&0), "{workload}");
            // The storm of cancels leaves a tenth.
            let (first, last) = (live[flow.opening - 1], live[flow.steps.len() - 1]);
            assert!(first / 20 < last && last < 2 * first, "{workload}: {first}, then {last}");
        }
    }

    #[test]
    fn reduced_flow_is_the_same_for_the_same_seed() {
        let steps =
            |seed| Flow::of(pricetime_benches::workload::Workload::Normal, seed, 2_000).steps;
        assert_eq!(steps(3), steps(3));
        assert_ne!(steps(3), steps(4));
        let ids = steps(3).into_iter().filter_map(|step| match step {
            Step::Place(order) => Some(order.id),
            Step::Cancel(_) => None,
        });
        assert!(ids.zip(0..).all(|(id, number)| id == number), "numbers without gaps");
    }
}
