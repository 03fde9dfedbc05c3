//! What judges settlement: a model of a ledger, a recount of all trades, and a world of runners that
//! crash, clocks that jump, locks that two hold, and ways on which everything is lost or comes twice.

pub mod journal;
pub mod judge;
pub mod ledger;
pub mod locks;
mod mishap;
pub mod plan;
pub mod recount;
pub mod runner;
pub mod world;
