//! The interface that drives an engine.

use std::fmt;

use crate::Flow;

/// A trade between two orders, by their numbers in the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The incoming order.
    pub taker: u64,
    /// The resting order.
    pub maker: u64,
    /// The price of the trade.
    pub price: u64,
    /// The quantity that traded.
    pub quantity: u64,
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taker, maker, price, quantity } = self;
        write!(f, "order {taker} took {quantity} at {price} from order {maker}")
    }
}

/// What an engine reports about the trades of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// Every fill, with taker, maker, price and quantity.
    Fills,
    /// Only the quantity that the order took. The adapter reports it as one fill, whose maker and
    /// price are zero.
    Quantities,
}

/// Drives one engine through its public API.
///
/// All that can be done before the clock starts is done in [`convert`](Self::convert). What is left
/// for [`apply`](Self::apply) is the call and the reading of the fills that it reports.
pub trait Adapter: Sized {
    /// The name of its crate.
    const CRATE: &'static str;
    /// What it reports.
    const REPORTS: Reports = Reports::Fills;
    /// A command in the engine's own types.
    type Command;

    /// Creates an engine with an empty book.
    fn open(flow: &Flow) -> Self;

    /// Converts all commands of a flow, the closing ones included.
    fn convert(flow: &Flow) -> Vec<Self::Command>;

    /// Executes a command and passes its fills on in order. Returns `false` if the engine refuses
    /// it.
    fn apply(&mut self, command: &Self::Command, fills: &mut impl FnMut(Fill)) -> bool;
}
