//! Tools that test settlement: a model of a ledger, a recount of all trades, and a simulation of runners
//! that crash, clocks that jump, locks with two holders, and messages that are lost or duplicated.

pub mod books;
pub mod journal;
pub mod judge;
pub mod ledger;
pub mod locks;
mod mishap;
pub mod plan;
pub mod recount;
pub mod runner;
mod ways;
pub mod world;
