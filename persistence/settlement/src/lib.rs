//! Settlement: each epoch's trades are posted to a ledger exactly once, in order.
//!
//! The [`Collector`] follows the events and makes one [`Batch`] for each epoch of each market. A batch
//! depends on the journal alone, so making it again gives the same batch. A
//! [`Ledger`](crate::ledger::Ledger) posts a batch at most once. A [`Settler`] for each market connects
//! the two: it asks for one step at a time and takes the result.
//!
//! Only the ledgers use files and servers. The rest uses no clock, no file and no network.

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
    Checkpoint, DropState, Drops, Halt, Locked, PollResult, PutBack, Refusals, Remark, Reply,
    RetryPolicy, Settler, Standing, Start, Step,
};
pub use text::BadBatch;
