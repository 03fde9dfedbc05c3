//! A simulation of the lock over several servers, with simulated nodes, holders, clocks and faults. It runs
//! an hour in a moment, and the same seed gives the same run.

mod invariants;
mod node;
pub mod plan;
mod send;
pub mod world;
