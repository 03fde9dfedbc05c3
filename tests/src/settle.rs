//! Tools that test settlement: a model of a ledger, a recount of all trades, and a simulation of runners
//! that crash, clocks that jump, locks with two holders, and messages that are lost or duplicated.

pub mod books;
mod faults;
pub mod journal;
pub mod ledger;
pub mod locks;
mod network;
pub mod observer;
pub mod plan;
pub mod recount;
pub mod runner;
pub mod world;
