//! Where commands go, and what they were inferred from.

use pricetime_engine::{Command, OrderId, Price, Quantity};

/// An execution that an exchange reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The number of its message.
    pub number: u64,
    /// The order that rested; `None` if it is hidden or not known.
    pub order: Option<OrderId>,
    /// The limit price of the order that rested, if it is known.
    pub limit: Option<Price>,
    /// The price of the trade; `None` if it is the order's own, and the order is not known.
    pub price: Option<Price>,
    /// The quantity that traded.
    pub quantity: Quantity,
}

/// Why an execution does not become part of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// No message added the order that rested.
    Unknown,
    /// The order that rested is hidden.
    Hidden,
    /// The execution is part of a cross. The order that rested is reduced instead.
    Cross,
}

/// Receives the commands of a recording.
pub trait CommandSink {
    /// Takes a command.
    fn command(&mut self, command: &Command);

    /// Takes an order that was inferred from these executions, which it caused. Only in
    /// [`Mode::Rematch`](crate::Mode::Rematch).
    fn aggressor(&mut self, command: &Command, executions: &[Execution]) {
        let _ = executions;
        self.command(command);
    }

    /// Takes the cancel of an order that the exchange has filled. The engine still has the order if it filled
    /// another one instead. Returns `false` if the command is not wanted: then the next one has its sequence
    /// number. Only in [`Mode::Rematch`](crate::Mode::Rematch).
    fn leftover(&mut self, command: &Command) -> bool {
        self.command(command);
        true
    }

    /// Takes an execution that is not part of any aggressor's order. Only in
    /// [`Mode::Rematch`](crate::Mode::Rematch).
    fn unmatched(&mut self, execution: &Execution, why: Unmatched) {
        let _ = (execution, why);
    }
}

impl CommandSink for Vec<Command> {
    fn command(&mut self, command: &Command) {
        self.push(*command);
    }
}
