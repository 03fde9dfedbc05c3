//! What an epoch's trades come to, and the way of that into a ledger: exactly once, and in order.
//!
//! The [`Collector`] listens to events and makes one [`Batch`] of each epoch of each market: a
//! function of the journal and of nothing else, so whoever makes it again makes the same one. A
//! [`Ledger`](crate::ledger::Ledger) takes a batch at most once. Between them stands a [`Settler`]
//! for each market, that asks for steps and is told what came of them.
//!
//! Nothing here knows a clock, a file or a network.

mod batch;
mod collector;
mod digest;
mod fees;
pub mod ledger;
mod recount;
mod settler;
#[cfg(test)]
mod tests;
mod text;

pub use batch::{Batch, BatchId, Transfer, Unsound};
pub use collector::{Closed, Collector};
pub use digest::Digest;
pub use fees::fee;
pub use recount::{Listener, Recount, RecountError};
pub use settler::{
    Ask, Dropping, Drops, Halt, Kept, Locked, PutBack, Refusals, Remark, Reply, RetryPolicy,
    Settler, Standing, Start, Step,
};
pub use text::BadBatch;
